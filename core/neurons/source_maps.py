"""Maps of units that depend on the language a sentence is in: from each source language to the target.

A map is built from the units' responses to parallel probe sentences, for each source language by itself, and for a text
whose language is not known (from all but the target together).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.errors import SettingError
from core.stats.ridge import ridge_factors

_MOST_BYTES = 2 << 30  # of a least-squares map, in memory for all languages


@dataclass(frozen=True, eq=False)
class UnitMap:
    """A map of units: ``T(z) = factor * z + offset + first @ (second @ z)``, as long as ``z`` where the norm is kept.

    Attributes
    ----------
    factor, offset : ndarray of float, (k,), or float
    factors : tuple of two ndarray, (k, r) and (r, k), or None
        ``first`` and ``second``, applied to the units of each site by themselves.
    restores_norm : bool
    """

    factor: np.ndarray | float
    offset: np.ndarray | float
    factors: tuple[np.ndarray, np.ndarray] | None = None
    restores_norm: bool = False


@dataclass(frozen=True, eq=False)
class SourceEvidence:
    """How units respond to parallel sentences in each language.

    Attributes
    ----------
    languages : tuple of str
        The target among them.
    target : str
    means : ndarray of float, (n_languages, k)
        Mean response to each language.
    samples : callable
        Gives the responses themselves, ``(n_languages, k, n_sentences)``, a sentence's translations in one column.
    sites : sequence of ndarray of int64
        Where the units of each site stand among the k.
    experts : mapping of str to ndarray of int64
        Where the experts of each language stand among the k, for methods that write to these.
    """

    languages: tuple[str, ...]
    target: str
    means: np.ndarray
    samples: Callable[[], np.ndarray]
    sites: Sequence[np.ndarray]
    experts: Mapping[str, np.ndarray]

    @property
    def target_mean(self) -> np.ndarray:
        """Mean response to the target: float64, (k,)."""
        return self.mean_of(self.target)

    def mean_of(self, source: str | None) -> np.ndarray:
        """Mean response to a language; None: to all but the target. float64, (k,)."""
        means = np.asarray(self.means, dtype=np.float64)
        if source is None:
            return np.asarray(np.delete(means, self.languages.index(self.target), axis=0).mean(axis=0))
        return np.asarray(means[self.languages.index(source)])

    @cached_property
    def responses(self) -> np.ndarray:
        """The samples, read once."""
        return self.samples()


def difference(evidence: SourceEvidence, source: str | None) -> UnitMap:
    """Shift by what sets the target apart from the source; the target stays as it is."""
    return UnitMap(1.0, evidence.target_mean - evidence.mean_of(source))


def difference_with_norm(evidence: SourceEvidence, source: str | None) -> UnitMap:
    """Shift likewise, and scale what a site gives back to the length it had."""
    return UnitMap(1.0, evidence.target_mean - evidence.mean_of(source), restores_norm=source != evidence.target)


def least_squares(evidence: SourceEvidence, source: str | None) -> UnitMap:
    """Map each site's units by ridge regression of the target's responses on the source's, sentence by sentence.

    The target stays as it is. A text of no known language is shifted by the difference of the means.
    """
    if source is None:
        return difference(evidence, None)
    if source == evidence.target:
        return UnitMap(1.0, 0.0)
    source_row, target_row = (evidence.languages.index(code) for code in (source, evidence.target))
    k, n = evidence.responses.shape[1:]
    rank = max((min(n, len(units)) for units in evidence.sites), default=0)
    _refuse_large(k, rank, len(evidence.languages))
    left, right = np.zeros((k, rank)), np.zeros((rank, k))
    offset = np.empty(k)
    for units in evidence.sites:
        z, wanted = (evidence.responses[row][units].T.astype(np.float64) for row in (source_row, target_row))
        reads, writes = ridge_factors(z - z.mean(axis=0), wanted - wanted.mean(axis=0))
        left[units, : reads.shape[1]], right[: reads.shape[1], units] = writes.T, reads.T
        offset[units] = wanted.mean(axis=0) - (z.mean(axis=0) @ reads) @ writes
    return UnitMap(0.0, offset, (left, right))


def _refuse_large(k: int, rank: int, n_languages: int) -> None:
    """Refuse maps that would fill the memory; raises `SettingError`."""
    needed = 8 * k * rank * n_languages
    if needed > _MOST_BYTES:
        raise SettingError(
            f"least-squares maps of {k:,} units from {n_languages} languages",
            f"they would take {needed / 2**30:.1f} GiB",
            "Choose fewer: --expert-layers, --experts, or --languages.",
        )


def arithmetic(evidence: SourceEvidence, source: str | None) -> UnitMap:
    """Hold the target's experts at their target mean, the source's at their mean over all other languages.

    A unit that is an expert of both is held as the target's. Sentences of the target, and those of no known language,
    have no other language to be switched off.
    """
    k = evidence.means.shape[1]
    factor, offset = np.ones(k), np.zeros(k)
    if source is not None and source != evidence.target:
        units = evidence.experts[source]
        others = np.delete(np.asarray(evidence.means, np.float64), evidence.languages.index(source), axis=0)
        factor[units], offset[units] = 0.0, others.mean(axis=0)[units]
    units = evidence.experts[evidence.target]
    factor[units], offset[units] = 0.0, evidence.target_mean[units]
    return UnitMap(factor, offset)
