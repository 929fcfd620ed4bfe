"""The options of a reproduction and their defaults; `core.reproduction.settings` makes the experiments from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SWEEP = (100, 200, 500, 1000, 2000, 5000)


@dataclass(frozen=True)
class Options:
    """The options of one reproduction.

    Attributes
    ----------
    model, revision, dtype, device, adapter
        See `core.models.spec.ModelSpec`.
    corpus : str
        Multi-parallel sentences to probe with and to evaluate on.
    tatoeba, bucc : Path, optional
        Folders of language pairs with English; left out where None.
    bucc_distractors : int or "all", optional
        Of each of BUCC's texts, how many of the sentences that translate nothing are mined among as well.
    pawsx : Path, optional
        Folder of paraphrases.
    transfer_corpus : str, optional
        Sentences with labels, on which transfer is measured, also where interventions are compared; those of ``corpus``
        unless given. The experts are those of
        ``corpus`` all the same.
    targets, languages : tuple of str, optional
        The paper's that the corpus has, unless given.
    experts : int
        k.
    sentences, probe_sentences : int, optional
        The first N rows; all unless given.
    pair_sentences : int, optional
        The first N pairs of Tatoeba, BUCC and PAWS-X; all unless given.
    sweep : tuple of int
        Numbers of experts among which k is chosen; those that the model has, and k itself.
    texts, seeds, text_tokens : int
        Texts of a seed, seeds, and tokens of a text that the model writes for each k.
    perplexity_sentences : int
        Evaluation sentences on which perplexity is measured for each k.
    perplexity_texts : Path, optional
        Folder of held-out text, a file a language (``ja.txt``), on whose paragraphs perplexity is measured instead.
    method_sentences : int
        The first N evaluation rows, on which other methods and scores are compared.
    methods_compared : tuple of str
        Interventions that are also compared by transfer, the language written and perplexity; ``("all",)``: every one.
    seed : int
        Of the random control, the projections, the texts and the bootstrap.
    """

    model: str = "embedded"
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    adapter: str | None = None
    corpus: str = "embedded"
    tatoeba: Path | None = None
    bucc: Path | None = None
    bucc_distractors: int | Literal["all"] | None = None
    pawsx: Path | None = None
    transfer_corpus: str | None = None
    targets: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None
    experts: int = 2000
    sentences: int | None = None
    probe_sentences: int | None = None
    pair_sentences: int | None = None
    sweep: tuple[int, ...] = SWEEP
    texts: int = 16
    seeds: int = 2
    text_tokens: int = 32
    perplexity_sentences: int = 50
    perplexity_texts: Path | None = None
    method_sentences: int = 100
    methods_compared: tuple[str, ...] = ()
    seed: int = 0
