"""An experiment bound to its model and its sentences, with every setting checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from core import access
from core.corpora.corpus import Corpus, ParallelSet
from core.corpora.load import load_corpus
from core.corpora.validation import has_half_character
from core.errors import AskError, ModelError, SettingError
from core.experiment import rows
from core.experiment.imported import Imported, read_imported
from core.experiment.named_neurons import in_short, names_files
from core.experiment.names import SETTINGS
from core.experiment.settings import Experiment
from core.inference.encoding import PLAIN, Encoding
from core.language.codes import canonical, describe
from core.models import sentence_encoder
from core.models.load import Outline, outline
from core.models.placement import PACKED
from core.models.resolve import resolve
from core.models.sentence_pooling import AUTO, FOLDER
from core.models.spec import ResolvedModel
from core.neurons import interventions, selection
from core.neurons.methods import METHODS
from core.neurons.neuron_map import NeuronMap
from core.neurons.responses import NEURONS
from core.neurons.selection import CONTROLS
from core.stats.units import counted, listed


@dataclass(frozen=True)
class Plan:
    """An experiment bound to its model and its sentences; every setting checked.

    Attributes
    ----------
    target : str
        Canonical code.
    probe : ParallelSet
        Probe rows, in the probe languages.
    groups : tuple of ParallelSet
        Evaluation rows. One set, or one per language pair; retrieval stays within a group.
    layer : int
        Index of the hidden state, 0 to ``n_layers``.
    encoding : Encoding
        How sentences are put to the model, and how its hidden states become embeddings.
    notes : tuple of str
        Decisions that a reader must know.
    imported : Imported or None
        The experts, if a file names them.
    targets : tuple of str
        Languages whose experts are held together, the target first; empty where these are the target's alone.
    sources : ParallelSet or None
        For a method that goes by the language of a sentence: the probe rows in the probe languages and in every
        evaluated one.
    """

    experiment: Experiment
    resolved: ResolvedModel
    outline: Outline
    corpus: Corpus
    probe_corpus: Corpus
    target: str
    probe: ParallelSet
    groups: tuple[ParallelSet, ...]
    layer: int
    notes: tuple[str, ...]
    imported: Imported | None = None
    encoding: Encoding = PLAIN
    sources: ParallelSet | None = None
    targets: tuple[str, ...] = ()

    @property
    def held(self) -> str:
        """What the experts are to be held at, in words after their names; empty where it is their mean on the target.

        Of several targets together it is empty where it is their mean on all of these.
        """
        if self.imported is not None:
            return "the values given there" if self.imported.values is not None else ""
        return "their own languages' averages" if self.targets and self.experiment.held_at == "own" else ""

    def neurons_in_words(self, k: int) -> str:
        """The ``k`` neurons that are held, by how they were chosen: whose experts, of which file, or at random."""
        if (control := CONTROLS[self.experiment.control]).draw is not None:
            where = f" {control.place}" if control.place else ""
            return f"{counted(k, 'random neuron')}{where} in place of its experts"
        return self.experts_in_words(k)

    def experts_in_words(self, k: int) -> str:
        """The ``k`` neurons that were chosen, whatever a control holds in their place."""
        if self.imported is not None:
            return f"{counted(k, 'neuron')} that {in_short(self.experiment.experts_from or '')} names"
        if self.experiment.select == "all":
            return f"all {counted(k, 'neuron')}" + ("" if k == self.outline.neurons.total else " asked for")
        several = f" of {listed(describe(code).english for code in self.targets)}" if self.targets else ""
        return f"{counted(k, 'expert')}{several}"

    @property
    def response_rows(self) -> ParallelSet:
        """Probe rows on which neurons are read: those of the sources, if there are some, else those of the probe."""
        return self.sources or self.probe

    @property
    def languages(self) -> tuple[str, ...]:
        """Evaluated languages, each once, in the corpus's order."""
        return tuple(dict.fromkeys(code for group in self.groups for code in group.languages))

    @property
    def candidates(self) -> tuple[str, ...]:
        """Languages that the target's sentences are looked for in: those of the sets of rows that have the target."""
        beside = {code for group in self.groups if self.target in group.languages for code in group.languages}
        return tuple(code for code in self.languages if code in beside and code != self.target)

    def describe(self) -> dict[str, Any]:
        """Every setting as it was used, with model revision and corpus digest."""
        return {
            **self.experiment.to_dict(),
            "target": self.target,
            "languages": list(self.languages),
            "probe_languages": list(self.probe.languages),
            "probe_sentences": len(self.probe),
            "eval_sentences": max(len(group) for group in self.groups),
            "layer": self.layer,
            "n_layers": self.outline.n_layers,
            "n_neurons": self.outline.neurons.total,
            "model_revision": self.resolved.revision,
            "model_digest": self.resolved.digest,
            "dtype": self.resolved.dtype,
            "device": self.resolved.device,
            **({"encoding": self.encoding.spec} if self.encoding.spec else {}),
            "corpus_digest": self.corpus.digest,
            "probe_corpus_digest": self.probe_corpus.digest,
        }


def plan(experiment: Experiment) -> Plan:
    """Bind an experiment to its model and sentences; what is impossible is refused before any work is done.

    Raises
    ------
    SettingError, CorpusError, ModelError
    """
    _check_plain(experiment)
    _refuse_no_gradients(experiment)
    corpus = load_corpus(experiment.corpus)
    probe_corpus = load_corpus(experiment.probe_corpus) if experiment.probe_corpus else corpus
    target = canonical(experiment.target)
    targets = rows.targets(experiment, probe_corpus, target)
    probe = rows.probe_rows(experiment, probe_corpus, target, targets)
    rows.refuse_no_others(experiment, probe, targets)
    groups = rows.evaluation_groups(experiment, corpus, target)
    all_notes = (
        corpus.notes,
        probe_corpus.notes,
        probe.notes,
        *(group.notes for group in groups),
        rows.overlap(probe, groups),
    )
    notes = tuple(dict.fromkeys(note for notes in all_notes for note in notes))
    resolved = resolve(experiment.model_spec)
    encoding = _encoding(experiment, resolved)
    kinds = tuple(kind for kind in NEURONS if kind in experiment.neurons)
    shape = outline(resolved, kinds)
    imported = _imported(experiment, shape.neurons, resolved.digest)
    if imported is not None:
        experiment = replace(experiment, experts=len(imported.neurons))
        notes = (*notes, f"The experts are those that {experiment.experts_from} names: {len(imported.neurons):,}.")
        if imported.values is not None and not METHODS[experiment.method].by_values:
            notes = (*notes, f"{METHODS[experiment.method].title} does not go by the values that are given there.")
    else:
        experiment.selection.candidates(shape.neurons)
    if targets and METHODS[experiment.method].ignores_values and experiment.held_at == "own":
        title = METHODS[experiment.method].title
        notes = (*notes, f"{title} has one value over the sentences of all targets, whatever experts are held at.")
    return Plan(
        # In one fixed order, so that the same kinds of neurons give the same artefacts.
        experiment=replace(
            experiment, model=resolved.name, target=target, neurons=kinds, targets=targets or experiment.targets
        ),
        resolved=resolved,
        outline=shape,
        corpus=rows.used_rows(corpus, None, groups),
        probe_corpus=rows.used_rows(probe_corpus, probe, ()),
        target=target,
        probe=probe,
        groups=groups,
        layer=_layer(experiment.layer, shape.n_layers),
        notes=(*notes, *_encoding_notes(encoding, experiment, shape)),
        encoding=encoding,
        imported=imported,
        sources=_sources(experiment, probe_corpus, probe, groups),
        targets=targets,
    )


def _imported(experiment: Experiment, neurons: NeuronMap, model: str) -> Imported | None:
    """Read the experts that a file names; refuse settings that would choose among them."""
    if experiment.experts_from is None:
        return None
    if access.current().public and names_files(experiment.experts_from):
        raise SettingError(
            "experts from a file", "this server reads no files that visitors name", "Choose the experts by a score."
        )
    if METHODS[experiment.method].source_experts:
        raise SettingError(
            f"experts from {experiment.experts_from} with --method {experiment.method}",
            "it also writes to the experts of the other languages, which the file does not name",
            "Choose the experts by a score, or use another method.",
        )
    for name in ("select", "min_score", "expert_layers", "expert_sites"):
        if getattr(experiment, name) != SETTINGS[name].default:
            raise SettingError(
                f"experts from {experiment.experts_from} with {SETTINGS[name].option}",
                "the file names the experts, and nothing is chosen",
                f"Leave {SETTINGS[name].option} out, or take the rows out of the file.",
            )
    return read_imported(experiment.experts_from, neurons, model)


def _sources(
    experiment: Experiment, corpus: Corpus, probe: ParallelSet, groups: tuple[ParallelSet, ...]
) -> ParallelSet | None:
    """Select the probe rows in every language that sentences come from, where the method goes by it."""
    method = METHODS[experiment.method]
    if method.by_source is None:
        return None
    assert corpus.probe is not None  # `core.experiment.rows.probe_rows` has refused
    evaluated = {code for group in groups for code in group.languages}
    if missing := sorted(evaluated - set(corpus.probe.languages)):
        raise SettingError(
            f"the method {method.name} on sentences in {', '.join(missing)}",
            f"it moves every sentence from its own language, and the probe of {corpus.spec} has no rows in "
            f"{'it' if len(missing) == 1 else 'these'}",
            "Leave the language out of --languages, name another --probe-corpus, or use a method that is the same for "
            "every language.",
        )
    return corpus.probe.select(tuple(sorted({*probe.languages, *evaluated})), len(probe))


def probe_in_evaluation_languages(bound: Plan) -> ParallelSet:
    """Select the probe rows in every evaluation language that the probe corpus has: what free rivals are fitted on.

    The neurons are found on the probe languages alone, which may be fewer or others. A language whose probe sentences
    are missing or cannot be used is left out; of those that cannot be used, the notes say why.

    Returns
    -------
    ParallelSet
        The target and further evaluation languages, in the order of `Plan.languages`; as many rows as ``bound.probe``.
    """
    probe = load_corpus(bound.experiment.probe_corpus or bound.experiment.corpus).probe
    assert probe is not None  # a plan is refused without
    codes = tuple(code for code in bound.languages if code in probe.languages)
    return probe.usable(codes).select(first=len(bound.probe))


def _check_plain(experiment: Experiment) -> None:
    """Refuse settings that are wrong with any model and corpus."""
    for name, value in experiment.to_dict().items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and has_half_character(text):
                raise SettingError(
                    f"{name} {text!r}", "it holds half a character, which no text or file name can", "Write it anew."
                )
    selection.check_count(experiment.experts)
    interventions.check_strength(experiment.strength)
    for setting in SETTINGS.values():
        value = getattr(experiment, setting.name)
        # The model is refused where it is resolved, on this machine; the layer where the model says how many it has.
        if setting.group == "model" or setting.name == "layer" or (value is None and setting.unset):
            continue
        try:
            setting.kind.check(value)
        except AskError:  # it is a ValueError as well, but already explains itself
            raise
        except ValueError:
            raise setting.kind.refusal(setting.name, value) from None


def _encoding(experiment: Experiment, resolved: ResolvedModel) -> Encoding:
    """How sentences are put to the model: what its folder says, where that is asked for or nothing else is.

    Raises
    ------
    ModelError
        If the folder says nothing and is to be followed, or says what cannot be done.
    """
    pooling, encoder = experiment.sentence_pooling, None
    # A model that comes with the product has no folder that a user sees: it is pooled as any other unless asked.
    if pooling == FOLDER or (pooling == AUTO and resolved.location):
        encoder = sentence_encoder.read(resolved)
    if pooling == FOLDER and encoder is None:
        raise ModelError(
            f"embed sentences as the folder of {resolved.name} says",
            "it has no modules.json, which sentence encoders come with",
            "Use --sentence-pooling mean, or another.",
        )
    if pooling == AUTO:
        pooling = FOLDER if encoder else "mean"
    if experiment.prompt is None:
        prompt = encoder.default_prompt if encoder else ""
    else:
        prompt = sentence_encoder.prompts(resolved).get(experiment.prompt, experiment.prompt)
    return Encoding(pooling, prompt, experiment.chat_template, encoder)


def _encoding_notes(encoding: Encoding, experiment: Experiment, shape: Outline) -> Iterator[str]:
    """Say how sentences are embedded, where it is not the plain mean."""
    if encoding.encoder:
        following = "" if experiment.sentence_pooling == FOLDER else " (--sentence-pooling mean: the plain mean)"
        steps = "; what follows the pooling is done at the last layer alone" if encoding.encoder.steps else ""
        yield f"Sentences are embedded as the model's folder says: {encoding.encoder}{following}{steps}."
    if encoding.prompt:
        yield f"Every sentence is read behind the prompt {encoding.prompt!r}."
    if encoding.chat:
        yield "Every sentence is wrapped in the model's chat template; neurons are read at the sentence's own tokens."
    if encoding.pooling == "cls" and shape.generates:
        yield (
            "The first token of a model that reads from left to right has seen nothing of what follows: where the "
            "tokenizer puts one before every sentence, all sentences are embedded alike."
        )


def _refuse_no_gradients(experiment: Experiment) -> None:
    """Refuse to learn a method on weights that are packed; those of a packed checkpoint are refused when it is read."""
    if METHODS[experiment.method].learned and experiment.dtype in PACKED:
        raise SettingError(
            f"the method {experiment.method} with --dtype {experiment.dtype}",
            "it is learned by gradient, and packed weights are not made for gradients",
            "Use --dtype bfloat16, or a method that is not learned: linear-act.",
        )


def _layer(requested: str | int, n_layers: int) -> int:
    text = str(requested)
    if text == "last":
        return n_layers
    if text.isascii() and text.isdigit() and int(text) <= n_layers:
        return int(text)
    raise SettingError(
        f"layer {requested!r}",
        f"the model has hidden states 0 (embeddings) to {n_layers} (last)",
        f"Use last, or a number from 0 to {n_layers}.",
    )
