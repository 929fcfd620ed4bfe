"""An experiment bound to its model and its sentences, with every setting checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from core.corpora.corpus import Corpus, ParallelSet
from core.corpora.load import load_corpus
from core.corpora.validation import same_text
from core.errors import AskError, SettingError
from core.experiment.names import SETTINGS
from core.experiment.settings import PAPER_LANGUAGES, Experiment
from core.language.codes import canonical
from core.models.load import Outline, outline
from core.models.resolve import resolve
from core.models.spec import ModelSpec, ResolvedModel
from core.neurons import interventions, selection
from core.neurons.responses import NEURONS


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
    notes : tuple of str
        Decisions that a reader must know.
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

    @property
    def languages(self) -> tuple[str, ...]:
        """Evaluated languages, each once, in the corpus's order."""
        return tuple(dict.fromkeys(code for group in self.groups for code in group.languages))

    @property
    def candidates(self) -> tuple[str, ...]:
        """Languages that the target's sentences are looked for in."""
        return tuple(code for code in self.languages if code != self.target)

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
    corpus = load_corpus(experiment.corpus)
    probe_corpus = load_corpus(experiment.probe_corpus) if experiment.probe_corpus else corpus
    target = canonical(experiment.target)
    probe = _probe(experiment, probe_corpus, target)
    groups = _groups(experiment, corpus, target)
    all_notes = (
        corpus.notes,
        probe_corpus.notes,
        probe.notes,
        *(group.notes for group in groups),
        _overlap(probe, groups),
    )
    notes = tuple(dict.fromkeys(note for notes in all_notes for note in notes))
    resolved = resolve(ModelSpec(experiment.model, experiment.revision, experiment.dtype, experiment.device))
    kinds = tuple(kind for kind in NEURONS if kind in experiment.neurons)
    shape = outline(resolved, kinds)
    experiment.selection.candidates(shape.neurons)
    return Plan(
        # In one fixed order, so that the same kinds of neurons give the same artefacts.
        experiment=replace(experiment, model=resolved.name, target=target, neurons=kinds),
        resolved=resolved,
        outline=shape,
        corpus=_used(corpus, None, groups),
        probe_corpus=_used(probe_corpus, probe, ()),
        target=target,
        probe=probe,
        groups=groups,
        layer=_layer(experiment.layer, shape.n_layers),
        notes=notes,
    )


def _check_plain(experiment: Experiment) -> None:
    """Refuse settings that are wrong with any model and corpus."""
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


def _probe(experiment: Experiment, corpus: Corpus, target: str) -> ParallelSet:
    if corpus.probe is None:
        raise SettingError(
            f"probe sentences from {corpus.spec}",
            "it has none: it is a corpus of separate language pairs, or every row of it is for evaluation",
            "Name another corpus for the probe: --probe-corpus embedded.",
        )
    available = corpus.probe.languages
    if target not in available:
        raise SettingError(
            f"experts of {target!r}",
            f"the probe sentences of {corpus.spec} are in {', '.join(available)}",
            "Choose one of these as the target, or another --probe-corpus.",
        )
    if experiment.probe_languages is not None:
        requested = {canonical(code) for code in experiment.probe_languages} | {target}
    else:
        requested = {target} | default_probe_languages(corpus)
    if len(requested) < 2:
        raise SettingError(
            f"probe languages {', '.join(sorted(requested))}",
            "an expert tells one language from others, so at least two are needed",
            f"Add some of {', '.join(code for code in available if code not in requested)}.",
        )
    # In one fixed order, so that the same probe languages give the same artefact.
    codes = tuple(sorted(requested))
    return _readable(corpus.probe, codes, experiment.probe_languages is not None, target, experiment.probe_sentences)


def _readable(rows: ParallelSet, codes: tuple[str, ...], named: bool, target: str, first: int | None) -> ParallelSet:
    """Select languages of a set: all of ``codes`` if the user named them, else those of them that can be used."""
    if named:
        return rows.select(codes, first)
    if target in codes:
        rows.select([target])  # raises, with the reason, if the target cannot be used
    return rows.usable(codes).select(first=first)


def default_probe_languages(corpus: Corpus) -> set[str]:
    """Return the probe languages besides the target if the user names none.

    For the embedded corpus all its languages; for others the paper's six, or all if the corpus has fewer than two of
    these.
    """
    available = set(corpus.probe_languages)
    paper = available & set(PAPER_LANGUAGES)
    return available if corpus.kind == "embedded" or len(paper) < 2 else paper


def _used(corpus: Corpus, probe: ParallelSet | None, groups: tuple[ParallelSet, ...]) -> Corpus:
    """Reduce a corpus that is read by language to the rows and languages that the plan uses; others stay whole."""
    return replace(corpus, probe=probe, evaluation=groups, notes=()) if corpus.is_read_by_language else corpus


def _groups(experiment: Experiment, corpus: Corpus, target: str) -> tuple[ParallelSet, ...]:
    if experiment.languages is None:
        requested = set(corpus.languages)
    else:
        requested = {canonical(code) for code in experiment.languages} | {target}
        unknown = sorted(requested - set(corpus.languages))
        if unknown:
            if unreadable := next((code for code in unknown if code in corpus.left_out), None):
                raise SettingError(
                    f"evaluate on {unreadable}", corpus.left_out[unreadable], "Leave it out, or get its files again."
                )
            raise SettingError(
                f"evaluate on {', '.join(unknown)}",
                f"{corpus.spec} has {', '.join(corpus.languages)}",
                "Choose among these.",
            )
    if target not in corpus.languages:
        raise SettingError(
            f"evaluate with {target!r} as the query",
            f"{corpus.spec} has {', '.join(corpus.languages)}",
            "Choose one of these as the target.",
        )
    n_rows = max(len(group) for group in corpus.evaluation)
    if experiment.eval_sentences is not None and experiment.eval_sentences > n_rows:
        raise SettingError(
            f"{experiment.eval_sentences:,} evaluation sentences",
            f"{corpus.spec} has {n_rows:,} rows to evaluate on",
            f"Ask for {n_rows:,} or fewer.",
        )
    groups = []
    for group in corpus.evaluation:
        codes = tuple(code for code in group.languages if code in requested)
        if len(codes) >= 2:
            first = None if experiment.eval_sentences is None else min(experiment.eval_sentences, len(group))
            chosen = _readable(group, codes, experiment.languages is not None, target, first)
            if len(chosen.languages) >= 2:
                groups.append(chosen)
    if not any(target in group.languages for group in groups):
        raise SettingError(
            f"evaluate on {', '.join(sorted(requested))}",
            f"no other language among them is paired with {target!r}",
            f"Add some of {', '.join(code for code in corpus.languages if code not in requested) or 'the others'}.",
        )
    return tuple(groups)


def _overlap(probe: ParallelSet, groups: tuple[ParallelSet, ...]) -> tuple[str, ...]:
    """Count the evaluation sentences that are also in the probe; refuse if they are more than half."""
    shared = total = 0
    for group in groups:
        for code in group.languages:
            if code in probe.languages:
                probe_texts = set(map(same_text, probe.texts[code]))
                shared += sum(same_text(text) in probe_texts for text in group.texts[code])
                total += len(group)
    if total and shared > total / 2:
        raise SettingError(
            "evaluate on the probe sentences",
            f"{shared:,} of {total:,} evaluation sentences were used to find the experts",
            "Use another corpus for one of the two.",
        )
    return (f"{shared:,} of {total:,} evaluation sentences also stand in the probe.",) if shared else ()


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
