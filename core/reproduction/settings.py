"""What a reproduction is asked to do, and the experiments that it consists of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.errors import SettingError
from core.experiment import Experiment, plan
from core.languages import canonical
from core.reproduction import published

CONTROLS = ("none", "random")


@dataclass(frozen=True)
class Settings:
    """A reproduction.

    Attributes
    ----------
    model, revision, dtype, device
        See `core.models.ModelSpec`.
    corpus : str
        Multi-parallel sentences to probe with and to evaluate on.
    tatoeba, bucc : Path, optional
        Folders of language pairs with English; left out where None.
    pawsx : Path, optional
        Folder of paraphrases.
    targets, languages : tuple of str, optional
        The paper's that the corpus has, unless given.
    experts : int
        k.
    sentences, probe_sentences : int, optional
        The first N rows; all unless given.
    seed : int
        Of the random control, the projections and the bootstrap.
    """

    model: str = "embedded"
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    corpus: str = "embedded"
    tatoeba: Path | None = None
    bucc: Path | None = None
    pawsx: Path | None = None
    targets: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None
    experts: int = 2000
    sentences: int | None = None
    probe_sentences: int | None = None
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            k: str(v) if isinstance(v, Path) else list(v) if isinstance(v, tuple) else v
            for k, v in asdict(self).items()
        }

    def experiment(self, target: str, control: str = "none", **changes: Any) -> Experiment:
        """The experiment of one target on the multi-parallel corpus."""
        values: dict[str, Any] = {
            "model": self.model,
            "revision": self.revision,
            "dtype": self.dtype,
            "device": self.device,
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

    def with_english(self, language: str, corpus: str, target: str | None = None) -> Experiment:
        """The experiment of a pair with English: experts from the multi-parallel corpus, held on the pair."""
        return self.experiment(target or language, corpus=corpus, probe_corpus=self.corpus, languages=("en", language))


def bound(settings: Settings) -> Settings:
    """Settings with every default decided and everything checked that can be before any work.

    Raises
    ------
    AskError
        As `core.experiment.plan` does, for the first experiment that cannot be.
    """
    first = (settings.targets or published.TARGETS)[0]
    corpus = plan(settings.experiment(first, languages=None)).corpus
    has = corpus.languages
    languages = settings.languages or tuple(code for code in published.LANGUAGES if code in has) or has
    if settings.corpus == "embedded" and settings.languages is None:
        languages = has
    targets = settings.targets or tuple(code for code in published.TARGETS if code in languages)
    if not targets:
        raise SettingError(
            "a reproduction without targets",
            f"{corpus.spec} has none of {', '.join(published.TARGETS)}",
            "Name some with --targets.",
        )
    decided = Settings(
        **{
            **{name: getattr(settings, name) for name in settings.__dataclass_fields__},
            "languages": tuple(canonical(code) for code in languages),
            "targets": tuple(canonical(code) for code in targets),
        }
    )
    for target in decided.targets or ():
        for control in CONTROLS:
            plan(decided.experiment(target, control))
    return decided
