"""The embedded model and the sentences, which all rows share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from core.corpora.corpus import Corpus, ParallelSet
from core.corpora.load import load_corpus
from core.inference.batching import TokenisedSentences, tokenise
from core.location import default_cache
from core.models.load import load
from core.models.loaded_model import LoadedModel
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from core.store.store import Store


@dataclass(frozen=True)
class Setting:
    """The embedded model and a corpus, each loaded when a row first needs it.

    Attributes
    ----------
    flores : str or None
        The folder of FLORES-200; without it, the embedded corpus takes its place.
    """

    flores: str | None = None

    @cached_property
    def model(self) -> LoadedModel:
        """The embedded model, from the product's own cache."""
        return load(resolve(ModelSpec()), Store(default_cache()))

    @cached_property
    def corpus(self) -> Corpus:
        """FLORES-200, or the embedded corpus."""
        return load_corpus(f"flores:{self.flores}" if self.flores else "embedded")

    @property
    def source(self) -> str:
        """Which corpus, for a row's detail."""
        return "FLORES-200" if self.flores else "the embedded corpus (no --flores given)"

    @property
    def probe(self) -> ParallelSet:
        """Sentences to find neurons with."""
        assert self.corpus.probe is not None
        return self.corpus.probe

    @property
    def evaluation(self) -> ParallelSet:
        """Sentences to measure with."""
        return self.corpus.evaluation[0]

    def tokens(self, languages: Iterable[str], first: int) -> list[TokenisedSentences]:
        """The first probe sentences of some languages: one list a language, as the product passes them."""
        return [tokenise(self.model, self.probe.texts[code][:first]) for code in languages]
