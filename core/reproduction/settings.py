"""The settings of a reproduction, and the experiments that it consists of."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.access import without_folder
from core.analyses.distractors import check_distractors
from core.analyses.transfer_rows import task
from core.corpora.corpus import Corpus
from core.corpora.load import load_corpus
from core.corpora.pawsx import load_pawsx, pawsx_languages
from core.corpora.validation import text_lines
from core.errors import CorpusError, SettingError
from core.experiment.plan import Plan, plan
from core.experiment.settings import Experiment
from core.inference.writing import Writing
from core.language import identification
from core.language.codes import canonical
from core.location import expanded
from core.reproduction import published
from core.reproduction.options import Options

CONTROLS = ("none", "random")
PAIRS = ("tatoeba", "bucc")
PARAGRAPH = 100  # characters, as published


@dataclass(frozen=True)
class Settings(Options):
    """The settings of a reproduction, and the experiments that follow from them."""

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values; files and folders by name only, since a report is read elsewhere."""
        values = {
            k: v.name if isinstance(v, Path) else list(v) if isinstance(v, tuple) else v
            for k, v in asdict(self).items()
        }
        if self.adapter:
            values["adapter"] = Path(self.adapter).name
        labelled = self.transfer_corpus and without_folder(self.transfer_corpus)
        return values | {
            "model": self.model_name,
            "corpus": without_folder(self.corpus),
            "transfer_corpus": labelled,
        }

    @property
    def model_name(self) -> str:
        """The model's name; for a local model, the name of its folder without the path."""
        path = expanded(self.model)
        return path.resolve().name if path.is_dir() else self.model

    def experiment(self, target: str, control: str = "none", **changes: Any) -> Experiment:
        """The experiment of one target on the multi-parallel corpus."""
        values: dict[str, Any] = {
            "model": self.model,
            "revision": self.revision,
            "dtype": self.dtype,
            "device": self.device,
            "adapter": self.adapter,
            "corpus": self.corpus,
            "target": target,
            "experts": self.experts,
            "languages": self.languages,
            "probe_sentences": self.probe_sentences,
            "eval_sentences": self.sentences,
            "control": control,
            "seed": self.seed,
        }
        return Experiment(**(values | changes))

    def with_english(self, language: str, kind: str) -> Experiment:
        """The experiment of a pair with English: experts from the multi-parallel corpus, held on the pair."""
        return self.experiment(
            language,
            corpus=f"{kind}:{getattr(self, kind)}",
            probe_corpus=self.corpus,
            languages=("en", language),
            eval_sentences=self.pair_sentences,
        )

    def transfer(self, target: str) -> Experiment:
        """The experiment of transfer: experts from the multi-parallel corpus, held on all sentences with labels."""
        if self.transfer_corpus is None:
            return self.experiment(target)
        labelled: dict[str, Any] = {"corpus": self.transfer_corpus, "languages": None, "eval_sentences": None}
        return self.experiment(target, probe_corpus=self.corpus, **labelled)

    def paired(self, kind: str) -> tuple[str, ...]:
        """Read a corpus of pairs (``tatoeba`` or ``bucc``) and list the targets that it pairs with English."""
        available = load_corpus(f"{kind}:{getattr(self, kind)}").languages
        return tuple(code for code in self.targets or () if code != "en" and code in available)

    def paraphrased(self) -> tuple[str, ...]:
        """List the targets that have paraphrases."""
        if self.pawsx is None:
            return ()
        available = pawsx_languages(self.pawsx)
        return tuple(code for code in self.targets or () if code in available)

    def paraphrases(self, language: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The first and the second sentences of a language's paraphrase pairs."""
        assert self.pawsx is not None  # else there are no targets that have some
        pairs = load_pawsx(self.pawsx, language)
        n = self.pair_sentences
        return tuple(pairs.first)[:n], tuple(pairs.second)[:n]

    def writings(self) -> tuple[Writing, ...]:
        """Settings of the texts that the model writes for each k: from its first token, temperature 1, top-p .9."""
        return tuple(
            Writing(tokens=self.text_tokens, samples=self.texts, seed=self.seed + number)
            for number in range(self.seeds)
        )


def bound(settings: Settings) -> tuple[Settings, Plan]:
    """Fill in every default, check all that can be checked before any work, and return settings and the first plan.

    Raises
    ------
    AskError
        As `core.experiment.plan.plan` does, for the first experiment that is impossible.
    """
    corpus = load_corpus(settings.corpus)
    languages, targets = _languages(settings, corpus)
    decided = replace(settings, languages=tuple(dict.fromkeys((*languages, *targets))), targets=targets)
    _check_counts(decided)
    first_plan: Plan | None = None
    for target in targets:
        for control in CONTROLS:
            planned = plan(decided.experiment(target, control))
            first_plan = first_plan or planned
    assert first_plan is not None
    total = first_plan.outline.neurons.total
    decided = replace(decided, sweep=tuple(sorted({k for k in decided.sweep if k <= total} | {decided.experts})))
    for kind in PAIRS:
        if getattr(decided, kind) is not None:
            _check_pairs(decided, kind)
    if decided.bucc_distractors is not None and decided.bucc is None:
        raise SettingError(
            "distractors of BUCC without BUCC", "they are sentences of its texts", "Name its folder with --bucc."
        )
    if decided.pawsx is not None:
        _check_paraphrases(decided)
    if decided.transfer_corpus is not None:
        for target in targets:
            task(plan(decided.transfer(target)))
    return decided, first_plan


def _languages(settings: Settings, corpus: Corpus) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the languages that are evaluated, and the targets."""
    if corpus.probe is None:
        raise SettingError(
            f"reproduce on {corpus.spec}",
            "it is a corpus of separate language pairs, which has no multi-parallel sentences",
            "Name a multi-parallel corpus, such as --corpus flores:DIR, and the pairs with --tatoeba or --bucc.",
        )
    available = corpus.languages
    if settings.languages is not None:
        languages = tuple(dict.fromkeys(canonical(code) for code in settings.languages))
        unknown = [code for code in languages if code not in available]
        if unknown:
            raise SettingError(
                f"evaluate on {', '.join(unknown)}", f"{corpus.spec} has {', '.join(available)}", "Choose among these."
            )
    elif corpus.kind == "embedded":
        languages = available
    else:
        languages = tuple(code for code in published.LANGUAGES if code in available) or available
    if settings.targets is not None:
        targets = tuple(dict.fromkeys(canonical(code) for code in settings.targets))
    else:
        targets = tuple(code for code in published.TARGETS if code in languages and code in corpus.probe_languages)
    if not targets:
        raise SettingError(
            "a reproduction without targets",
            f"{', '.join(published.TARGETS)} are the paper's, and none of them is evaluated",
            "Name some with --targets.",
        )
    if len(set(languages) | set(targets)) < 2:
        raise SettingError(f"evaluate on {languages[0]} alone", "retrieval is between languages", "Name two or more.")
    return languages, targets


def _check_counts(settings: Settings) -> None:
    for name, least in (("seeds", 1), ("perplexity_sentences", 2), ("method_sentences", 2)):
        if getattr(settings, name) < least:
            raise SettingError(
                f"{name.replace('_', ' ')} {getattr(settings, name)}",
                f"at least {least} must be",
                f"Ask for {least} or more.",
            )
    if any(k < 1 for k in settings.sweep):
        raise SettingError(
            f"a sweep over {', '.join(map(str, settings.sweep))} experts", "each needs at least one", "Use 1 or more."
        )
    for writing in settings.writings():
        writing.check()
    for target in settings.targets or () if settings.perplexity_texts is not None else ():
        paragraphs(settings, target)


def paragraphs(settings: Settings, language: str) -> tuple[str, ...]:
    """Read held-out text of a language from ``CODE.txt``: the first paragraphs (lines) of at least 100 characters.

    Raises
    ------
    CorpusError
        If there is no such file, it is not UTF-8, or it has fewer than two paragraphs of this length.
    """
    folder = settings.perplexity_texts
    assert folder is not None
    path, request = folder / f"{language}.txt", f"measure perplexity on {language}.txt in {folder}"
    try:
        lines = text_lines(path)
    except FileNotFoundError as error:
        existing = ", ".join(sorted(file.name for file in folder.glob("*.txt"))) or "no .txt file"
        raise CorpusError(
            request, f"it has {existing}", "Give a file for each target, or leave the folder out."
        ) from error
    except UnicodeDecodeError as error:
        raise CorpusError(request, f"it is not UTF-8 at byte {error.start:,}", "Save it as UTF-8.") from error
    except OSError as error:
        raise CorpusError(request, error.strerror or str(error), "Name a folder of text files.") from error
    long = [line for line in lines if len(line) >= PARAGRAPH]
    if len(long) < 2:
        raise CorpusError(
            request,
            f"{len(long)} of its lines have at least {PARAGRAPH} characters",
            "Write each paragraph on one line; give two or more.",
        )
    return tuple(long[: settings.perplexity_sentences])


def _check_pairs(settings: Settings, kind: str) -> None:
    languages = settings.paired(kind)
    if not languages:
        folder = getattr(settings, kind)
        raise SettingError(
            f"pairs with English from {folder}",
            f"it has none with a target ({', '.join(settings.targets or ())})",
            f"Leave --{kind} out, or name other --targets.",
        )
    for language in languages:
        planned = plan(settings.with_english(language, kind))
        if kind == "bucc":
            check_distractors(planned, settings.bucc_distractors)


def _check_paraphrases(settings: Settings) -> None:
    if not settings.paraphrased():
        raise SettingError(
            f"paraphrases from {settings.pawsx}",
            f"it has none in a target language ({', '.join(settings.targets or ())})",
            "Leave --pawsx out, or name other --targets.",
        )
    for language in settings.paraphrased():
        settings.paraphrases(language)


def unclassified(settings: Settings) -> tuple[str, ...]:
    """Targets that the classifier of languages does not know."""
    return identification.unknown(settings.targets or ())
