"""What every sentence of a space says of every pair of languages: ranks, neighbours, hubs, mining; computed when asked.

One product of two languages gives the numbers of both directions, so all measures of a space share one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import torch

from core.spaces import mining, retrieval
from core.spaces.mining import NearestCandidates
from core.spaces.similarity import CSLS_NEIGHBOURS, csls_of, normalise

HUB_NEIGHBOURS = 10
"""How many neighbours a sentence occurs among, where hubs are counted, and how many make its neighbourhood."""

_PERMUTATION_SEED = 0
_HELD = 1 << 24  # float32 numbers of Gram matrices in memory at once


@dataclass(frozen=True)
class PairwiseTables:
    """What one pass over all pairs gives, each ``[query, candidate, sentence]``, (n_languages, n_languages, n).

    Attributes
    ----------
    ranks : ndarray of int32
        Of the query's translation among the candidates, from 1.
    csls : ndarray of bool
        Whether the translation comes first by CSLS.
    nearest : ndarray of int64
        Row of the candidate nearest to the query.
    occurrences : ndarray of int32
        Of the candidate: among the `HUB_NEIGHBOURS` nearest of how many queries it is.
    mined, mined_right : ndarray of bool
        Whether the query's sentence is paired where F1 is best, and with its translation; filled in by
        `SentenceTables.mined`.
    mined_elsewhere : ndarray of float64, (n_languages, n_languages)
        How many distractors of the query's language are paired, as a share of ``n``.
    """

    ranks: np.ndarray
    csls: np.ndarray
    nearest: np.ndarray
    occurrences: np.ndarray
    mined: np.ndarray
    mined_right: np.ndarray
    mined_elsewhere: np.ndarray


class SentenceTables:
    """The sentence-by-sentence numbers of one space.

    Parameters
    ----------
    space : ndarray of float32, (n_languages, n, dim)
        Row ``i`` of every language is one meaning. An embedding that is not finite counts as zero, and finds nothing.
    languages : sequence of str
    probe : ndarray of float32, (n_probe_languages, n_probe, dim), optional
        The probe rows in the same space.
    probe_languages : sequence of str
    among : callable, optional
        Gives what is mined, where that is more than the space: by language its rows, then sentences that translate
        nothing, ndarray of float32, (n + n_distractors, dim). The rows may lie elsewhere than in the space, where a map
        depends on all that it is applied to. It is called when something is mined.
    """

    def __init__(
        self,
        space: np.ndarray,
        languages: Sequence[str],
        probe: np.ndarray | None = None,
        probe_languages: Sequence[str] = (),
        among: Callable[[], Sequence[np.ndarray]] | None = None,
    ) -> None:
        self.languages, self.probe, self.probe_languages = tuple(languages), probe, tuple(probe_languages)
        self.finite = np.isfinite(space).all(axis=-1)
        self.space = _finite(space)
        self._as_given, self._among = space, among

    @cached_property
    def unit(self) -> np.ndarray:
        """The embeddings scaled to unit length."""
        return normalise(self.space)

    @cached_property
    def hits(self) -> np.ndarray:
        """Whether the translation comes first, as `core.spaces.retrieval.correct` says."""
        return retrieval.correct(self._as_given)

    @cached_property
    def own(self) -> np.ndarray:
        """Cosine of every two translations: float64, (n_languages, n_languages, n)."""
        unit = self.unit.astype(np.float64)
        return np.asarray(np.einsum("asd,bsd->abs", unit, unit, optimize=True))

    @cached_property
    def beats_row_and_column(self) -> np.ndarray:
        """Whether the similarity of two translations is above all others in its row and its column; ties are not."""
        both: np.ndarray = self.hits & self.hits.transpose(1, 0, 2)
        # `hits` lets the first of equal candidates win: look for copies of the winner, in double precision
        for q, c in combinations(range(len(self.unit)), 2):
            for a, b in ((q, c), (c, q)):
                rows = np.flatnonzero(both[a, b])
                rows = rows[self._has_twin[b][rows]]
                if len(rows):
                    table = self.unit[a][rows].astype(np.float64) @ self.unit[b].T.astype(np.float64)
                    alone = (table >= table[np.arange(len(rows)), rows][:, None]).sum(axis=1) == 1
                    both[a, b, rows] = both[b, a, rows] = alone & both[a, b, rows]
        return both

    @cached_property
    def _has_twin(self) -> np.ndarray:
        """Whether another sentence of the language has the same embedding, within rounding: bool, (n_languages, n)."""
        twins = np.zeros(self.unit.shape[:2], dtype=bool)
        for language, unit in enumerate(self.unit):
            table = torch.from_numpy(unit) @ torch.from_numpy(unit).T
            table.fill_diagonal_(-torch.inf)
            twins[language] = (table.max(dim=1).values > 1 - 1e-6).numpy()
        return twins

    @cached_property
    def passed(self) -> PairwiseTables:
        """The pass over all pairs of languages."""
        n_languages, n = self.unit.shape[:2]
        shape = (n_languages, n_languages, n)
        found = PairwiseTables(
            ranks=np.zeros(shape, np.int32),
            csls=np.zeros(shape, np.bool_),
            nearest=np.zeros(shape, np.int64),
            occurrences=np.zeros(shape, np.int32),
            mined=np.zeros(shape, np.bool_),
            mined_right=np.zeros(shape, np.bool_),
            mined_elsewhere=np.zeros(shape[:2]),
        )
        found.ranks[np.arange(n_languages), np.arange(n_languages)] = 1  # a sentence finds itself
        vectors = torch.from_numpy(self.unit)
        for q, c in combinations(range(n_languages), 2):
            self._pass(found, q, c, vectors[q] @ vectors[c].T)
        return found

    def _pass(self, found: PairwiseTables, q: int, c: int, table: torch.Tensor) -> None:
        """Fill in both directions of one pair, from the similarities (n, n) of the first language to the second."""
        n = len(table)
        k = min(HUB_NEIGHBOURS, n)
        tables = (table, table.T.contiguous())
        nearest = [NearestCandidates(*(part.numpy() for part in one.topk(k, dim=1))) for one in tables]
        queries, candidates = (
            torch.from_numpy(side.first(CSLS_NEIGHBOURS).values.mean(axis=1, dtype=np.float32)) for side in nearest
        )
        adjusted = csls_of(table, queries, candidates)
        if self._among is None:
            forward, backward = (side.first(mining.NEIGHBOURS) for side in nearest)
            _note(found, q, c, mining.mine(forward, backward, n))
        for (a, b), one, near, by_csls in (
            ((q, c), tables[0], nearest[0], adjusted),
            ((c, q), tables[1], nearest[1], adjusted.T),
        ):
            found.ranks[a, b] = retrieval.ranks(one.numpy())
            found.csls[a, b] = _first(by_csls) & self.finite[a] & self.finite[b]
            found.nearest[a, b] = one.numpy().argmax(axis=1)
            found.occurrences[a, b] = np.bincount(near.indices.ravel(), minlength=n)

    @cached_property
    def mined(self) -> PairwiseTables:
        """The pass with what is mined: among the distractors too where there are some, which the pass leaves out."""
        if self._among is not None:
            sides = [normalise(_finite(side)) for side in self._among()]
            for q, c in combinations(range(len(sides)), 2):
                forward, backward = mining.nearest(sides[q], sides[c]), mining.nearest(sides[c], sides[q])
                _note(self.passed, q, c, mining.mine(forward, backward, self.unit.shape[1]))
        return self.passed

    @cached_property
    def neighbourhoods(self) -> np.ndarray:
        """Rows of every sentence's nearest in its own language, without itself: int64, (n_languages, n, k)."""
        k = min(HUB_NEIGHBOURS, self.unit.shape[1] - 1)
        rows = []
        for unit in torch.from_numpy(self.unit):
            table = unit @ unit.T
            table.fill_diagonal_(-torch.inf)
            rows.append(table.topk(k, dim=1).indices.numpy())
        return np.stack(rows)

    @cached_property
    def permutation(self) -> np.ndarray:
        """One order of the rows, (n,), to see what a measure says where nothing corresponds."""
        return np.random.default_rng(_PERMUTATION_SEED).permutation(self.unit.shape[1])

    def shared_neighbours(self, permuted: bool = False) -> np.ndarray:
        """Share of a sentence's neighbourhood that is also its translation's: float64, (n_languages, n_languages, n).

        Parameters
        ----------
        permuted : bool
            Take for the translation a sentence at random, which has the permutation's rows for its translations.
        """
        near, n = self.neighbourhoods, self.unit.shape[1]
        other = np.argsort(self.permutation)[near[:, self.permutation]] if permuted else near
        shared = np.ones((len(near), len(near), n))
        for a in range(len(near)):
            member = np.zeros((n, n), dtype=bool)
            member[np.arange(n)[:, None], near[a]] = True
            for b in range(len(near)):
                if a != b:
                    shared[a, b] = np.take_along_axis(member, other[b], axis=1).mean(axis=1)
        return shared

    def gram_products(self, permuted: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Row sums of the products of two languages' centred Gram matrices, which linear CKA is made of.

        Returns
        -------
        between : ndarray of float64, (n_languages, n_languages, n)
            With ``permuted``, the second language's rows in the order of the permutation.
        within : ndarray of float64, (n_languages, n)
        """
        centred = self.space - self.space.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
        # CKA does not depend on lengths: scaled so that products of large activations stay in range
        scale = np.sqrt((centred.astype(np.float64) ** 2).sum(axis=2).mean(axis=1))
        centred = centred / np.maximum(scale, 1e-30)[:, None, None].astype(np.float32)
        one, n = torch.from_numpy(centred), centred.shape[1]
        other = one[:, torch.from_numpy(self.permutation)] if permuted else one
        between, within = np.zeros((len(one), len(one), n)), np.zeros((len(one), n))
        step = max(1, _HELD // (len(one) * n))
        for start in range(0, n, step):
            rows = slice(start, start + step)
            grams = (one[:, rows] @ one.mT).transpose(0, 1).contiguous()  # (n_rows, n_languages, n)
            others = (other[:, rows] @ other.mT).transpose(0, 1).contiguous() if permuted else grams
            between[..., rows] = (grams @ others.mT).permute(1, 2, 0).numpy()
            within[:, rows] = (grams**2).sum(dim=2).T.numpy()
        return between, within


def _finite(rows: np.ndarray) -> np.ndarray:
    """The same rows, but zero where one is not finite."""
    finite = np.isfinite(rows).all(axis=-1)
    return rows if finite.all() else np.where(finite[..., None], rows, 0)


def _note(found: PairwiseTables, q: int, c: int, mined: mining.MinedPairs) -> None:
    """Note what was mined of one pair of languages, in both directions."""
    n = found.mined.shape[-1]
    for (a, b), sides in (((q, c), (mined.sources, mined.targets)), ((c, q), (mined.targets, mined.sources))):
        sources, targets = (side[: mined.n_taken] for side in sides)
        known = sources < n
        found.mined[a, b, sources[known]] = True
        found.mined_right[a, b, sources[known]] = sources[known] == targets[known]
        found.mined_elsewhere[a, b] = np.count_nonzero(~known) / n


def _first(table: torch.Tensor) -> np.ndarray:
    """Whether the candidate of the same row comes first; of equal ones the first."""
    return np.asarray(table.numpy().argmax(axis=1) == np.arange(len(table)))
