"""What a sweep is asked for: every combination of models, targets, methods, numbers of experts and strengths."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

from core.corpora.load import load_corpus
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.language.codes import canonical

ALL = "all"


@dataclass(frozen=True)
class Sweep:
    """Every combination of some values, each with everything else as in ``base``.

    Attributes
    ----------
    base : Experiment
    models, targets, methods : tuple of str
        ``("all",)`` as targets: every language that the corpus both has probe sentences in and evaluates.
    experts : tuple of int
    strengths : tuple of float
    keep : str
        A name in `core.sweep.keep.KEEP`.
    """

    base: Experiment
    models: tuple[str, ...]
    targets: tuple[str, ...]
    methods: tuple[str, ...]
    experts: tuple[int, ...]
    strengths: tuple[float, ...]
    keep: str = "measures"

    def cells(self) -> list[Experiment]:
        """The settings, each once, those of a model together.

        At strength 0 the model is unmodified whatever method and number of experts are; the first of these stand for
        all, as the first number does where it says nothing.

        Raises
        ------
        SettingError
            If a value that must be named is not.
        CorpusError
            If all targets are asked for and the corpus cannot be read.
        """
        for name in ("models", "targets", "methods", "experts", "strengths"):
            if not getattr(self, name):
                raise SettingError(f"a sweep without {name}", "there is nothing to combine", f"Give some: --{name}.")
        targets = self._all_targets() if self.targets == (ALL,) else self.targets
        cells = [
            replace(
                self.base,
                model=model,
                target=target,
                method=method if strength else self.methods[0],
                experts=k if strength and self.base.k_counts else self.experts[0],
                strength=float(strength),
            )
            for model, target, method, k, strength in itertools.product(
                self.models, targets, self.methods, self.experts, self.strengths
            )
        ]
        return list(dict.fromkeys(cells))

    def _all_targets(self) -> tuple[str, ...]:
        corpus = load_corpus(self.base.corpus)
        probe = load_corpus(self.base.probe_corpus) if self.base.probe_corpus else corpus
        named = self.base.languages
        evaluated = corpus.languages if named is None else [canonical(code) for code in named]
        return tuple(code for code in evaluated if code in probe.probe_languages)


def shard(cells: list[Experiment], number: int, of: int) -> list[Experiment]:
    """The part of the cells that one of several machines computes: number 1 to ``of``.

    Cells are dealt out in turn, so that every machine has its share of each target.

    >>> shard(list("abcde"), 2, 2)
    ['b', 'd']
    """
    return cells[number - 1 :: of]


def parse_shard(text: str) -> tuple[int, int]:
    """Read ``2/8``: the second of eight.

    Raises
    ------
    SettingError
        If it is no part of a whole.
    """
    number, slash, of = text.partition("/")
    if slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
        return int(number), int(of)
    raise SettingError(
        f"--shard {text}", "it is no part of a whole", "Give the machine's number and how many there are: --shard 2/8."
    )
