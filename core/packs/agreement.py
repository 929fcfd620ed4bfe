"""How far two machines agree on one setting: the differences of their measures, and the experts that both found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.pipeline.measure_table import MEASURES, Measure
from core.pipeline.result import Result
from core.stats.units import SHARE, listed


@dataclass(frozen=True)
class Agreement:
    """Two results of one setting, compared.

    Attributes
    ----------
    share, other : tuple of (Measure, float)
        The measure that differs most among shares, and among those of other units, before or after, and by how much.
    experts, of : int
        Neurons that both chose, and how many one chose.
    """

    share: tuple[Measure, float]
    other: tuple[Measure, float]
    experts: int
    of: int

    def in_words(self) -> str:
        """The agreement in one sentence."""
        parts = [
            f"{self.share[1] * 100:.2g} points ({self.share[0].titled()})",
            f"{self.other[1]:.2g} ({self.other[0].titled()})",
        ]
        return (
            f"the largest differences of any measure, before or after, are {listed(parts)}; of {self.of:,} "
            f"chosen neurons, {self.experts:,} are the same"
        )


def compare(own: Result, other: Result) -> Agreement:
    """Compare two results of one setting by every measure, before and after, and by their experts.

    Measures that are not a number in both results, as where nothing can be measured, are no difference.
    """
    largest: dict[bool, tuple[Measure, float]] = {}
    for measure in MEASURES.values():
        a, b = measure.read(own), measure.read(other)
        apart = float(np.nanmax(np.abs([a.pre - b.pre, a.post - b.post, 0.0])))
        is_share = measure.unit == SHARE
        if is_share not in largest or apart > largest[is_share][1]:
            largest[is_share] = (measure, apart)
    shared = np.intersect1d(own.experts.neurons, other.experts.neurons)
    return Agreement(largest[True], largest[False], len(shared), len(own.experts.neurons))
