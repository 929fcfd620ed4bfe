"""Decides whether any candidate is nearer to a query than its translation: cheaply where that is safe, else exactly.

One nearer candidate is enough for a miss; only a hit needs a comparison with all candidates. So queries are compared
first with the candidates that are near to all queries (hubs), and those not beaten then with all candidates. Both steps
are products in 8 bits with a bound on their error; values within the bound are computed again in double precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numba
import numpy as np
import torch

from core import parallel

_HUBS = 64  # candidates of each language that all queries are compared with first
_ROWS, _PAD = 2048, 128  # rows of one product at most, and what they are padded to: the library prepares each new shape
_BLOCK = 64  # candidates whose values are computed together, before any of them is compared
_FEWEST = 16  # dimensions for 8 bits: torch's product takes a single one for its transpose
_UNIT = np.float32(np.finfo(np.float32).eps / 2)
_VECTORISED = {"nnan", "nsz", "reassoc", "contract"}  # what lets the compiler use vector instructions


@dataclass(frozen=True)
class _Rough:
    """Vectors in few bits, with bounds on how far they are from the exact vectors.

    Attributes
    ----------
    codes : Tensor of int8 or float32, (n_languages, n_sentences, dim)
        ``codes * scale[..., None]`` is near the vector.
    scale, length, error : ndarray of float32, (n_languages, n_sentences)
        ``length``: at least that of the vector and of what the codes say; ``error``: at least that of their difference.
    """

    codes: torch.Tensor
    scale: np.ndarray
    length: np.ndarray
    error: np.ndarray


def unbeaten(unit: np.ndarray, queries: Sequence[int]) -> np.ndarray:
    """Whether each query's translation is nearer than all other candidates of its language.

    With ``x`` a query, ``m`` its language's mean, ``y`` a candidate and ``r`` the candidate minus its language's mean:
    over the candidates of a language, ``x . y`` differs from ``(x - m) . r + m . r`` by a constant. The first term is
    computed in 8 bits; by Cauchy-Schwarz, the closer a language's vectors lie together, the tighter the bound on its
    error.

    Parameters
    ----------
    unit : ndarray of float32, (n_languages, n_sentences, dim)
        Vectors of unit length or zero; row ``i`` of every language is one meaning.
    queries : sequence of int
        Languages whose sentences are the queries.

    Returns
    -------
    ndarray of bool, (n_queries, n_languages, n_sentences)
        Of equal candidates the first counts as the nearest. True for a language against itself.
    """
    n_languages, n_sentences, dim = unit.shape
    languages = np.asarray(queries, dtype=np.int64)
    unit = np.ascontiguousarray(unit, dtype=np.float32)
    vectors = torch.from_numpy(unit)
    means = vectors.mean(dim=1)
    centred, rough = _rough(unit, means.numpy())
    # The term m . r, the candidate's similarity to the query language's mean: high for hubs.
    bias = (means[languages] @ centred.reshape(-1, dim).T).reshape(-1, n_sentences, n_languages).mT.contiguous()
    all_languages = np.array_equal(languages, np.arange(n_languages))  # then none needs to be copied
    own = ((centred if all_languages else centred[:, languages]) @ centred.mT).permute(1, 2, 0) + bias
    state = _QueryState(
        languages=languages,
        bias=bias.numpy(),
        own=own.numpy(),
        # Bound on all rounding in single precision: products of `dim` terms in `own`, `bias` and the codes, and others.
        rounding=_UNIT * (dim + 32) * (1 + rough.length[languages] + means.norm(dim=1).numpy()[languages, None]),
        unbeaten=np.ones(own.shape, dtype=np.bool_),
    )
    hubs = bias.topk(min(_HUBS, n_sentences), dim=2).indices.numpy()
    state.unbeaten[np.arange(len(languages)), languages] = False  # a language is not held against itself
    at_once = parallel.count(vectors.device)
    for _ in parallel.side_by_side(
        lambda number: _against_hubs(rough, state, number, hubs[number]), range(len(languages)), at_once
    ):
        pass
    for _ in parallel.side_by_side(lambda c: _against_all(unit, rough, state, c), range(n_languages), at_once):
        pass
    state.unbeaten[np.arange(len(languages)), languages] = True
    return state.unbeaten


@dataclass(frozen=True)
class _QueryState:
    """The queries, and for each the result so far against every candidate language.

    Attributes
    ----------
    languages : ndarray of int64, (n_queries,)
    bias, own : ndarray of float32, (n_queries, n_languages, n_sentences)
        ``bias``: a candidate's value without the product in 8 bits. ``own``: the value of the translation itself.
    rounding : ndarray of float32, (n_queries, n_sentences)
        Times a candidate's length: how far rounding can have moved its value.
    unbeaten : ndarray of bool, (n_queries, n_languages, n_sentences)
    """

    languages: np.ndarray
    bias: np.ndarray
    own: np.ndarray
    rounding: np.ndarray
    unbeaten: np.ndarray


def _against_hubs(rough: _Rough, state: _QueryState, place: int, hubs: np.ndarray) -> None:
    """Mark the queries of one language that a hub certainly beats; ``hubs`` is (n_languages, n_hubs)."""
    query, languages = state.languages[place], np.arange(len(hubs))[:, None]
    dim = rough.codes.shape[2]
    chosen = torch.from_numpy((languages * rough.codes.shape[1] + hubs).ravel())
    product = _product(rough.codes[query], rough.codes.reshape(-1, dim).index_select(0, chosen))
    _strike_out(
        product.numpy().reshape(-1, *hubs.shape),
        (rough.scale[query], rough.length[query], rough.error[query] + state.rounding[place]),
        (rough.scale[languages, hubs], rough.length[languages, hubs], rough.error[languages, hubs]),
        state.bias[place][languages, hubs],
        state.own[place] + state.rounding[place] * rough.length,
        state.unbeaten[place],
    )


def _against_all(unit: np.ndarray, rough: _Rough, state: _QueryState, candidate: int) -> None:
    """Decide the remaining queries, against all candidates of one language."""
    _, n_sentences, dim = rough.codes.shape
    places, sentences = np.nonzero(state.unbeaten[:, candidate])
    for start in range(0, len(places), _ROWS):
        place, sentence = places[start : start + _ROWS], sentences[start : start + _ROWS]
        language, n = state.languages[place], len(place)
        rounding = state.rounding[place, sentence]
        own = (language, sentence)
        bounds = (rough.scale[own], rough.length[own], rough.error[own] + rounding)
        chosen = np.zeros(n + -n % _PAD, dtype=np.int64)
        chosen[:n] = language * n_sentences + sentence
        rows = rough.codes.reshape(-1, dim).index_select(0, torch.from_numpy(chosen))
        product = _product(rows, rough.codes[candidate])[:n]
        state.unbeaten[place, candidate, sentence] = _decide(
            product.numpy(),
            bounds,
            (rough.scale[candidate], rough.length[candidate], rough.error[candidate]),
            state.bias[:, candidate],
            state.own[place, candidate, sentence],
            rounding * rough.length[candidate, sentence],
            (place, language, sentence, candidate),
            unit,
        )


@cache
def _eight_bits() -> bool:
    """Whether the processor multiplies 8-bit integers faster than floats."""
    return bool(torch.cpu.get_capabilities().get("avx512_vnni", False))


def _rough(unit: np.ndarray, means: np.ndarray) -> tuple[torch.Tensor, _Rough]:
    """Subtract each language's mean: float32 by sentence (n_sentences, n_languages, dim), and the same in 8 bits.

    Where 8 bits are not faster than floats, the codes are the vectors themselves.
    """
    n_languages, n_sentences, dim = unit.shape
    centred = np.empty((n_sentences, n_languages, dim), dtype=np.float32)
    codes = np.empty(unit.shape, dtype=np.int8)
    scale, length, error = (np.empty(unit.shape[:2], dtype=np.float32) for _ in range(3))
    halves = np.array_split(np.arange(len(unit)), torch.get_num_threads())
    with ThreadPoolExecutor(len(halves)) as pool:
        list(pool.map(lambda part: _encode(part, unit, means, centred, codes, scale, length, error), halves))
    if not _eight_bits() or dim < _FEWEST:
        codes, scale, error = (
            np.ascontiguousarray(centred.transpose(1, 0, 2)),
            np.ones_like(scale),
            np.zeros_like(error),
        )
    # these numbers are rounded too
    length = length * (1 + 2 * _UNIT * dim) + error
    return torch.from_numpy(centred), _Rough(torch.from_numpy(codes), scale, length, error)


def _product(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """``rows @ columns.T``: of int8 exactly, in int32."""
    # torch offers the product of 8-bit integers under this private name only; torch's version is held by the package's
    # requirements, and by this module's tests.
    return torch._int_mm(rows, columns.T) if rows.dtype == torch.int8 else rows @ columns.T


@numba.njit(nogil=True, cache=True, fastmath=_VECTORISED)
def _encode(part, unit, means, rest, codes, scale, length, error):  # type: ignore[no-untyped-def]
    """Fill the rows of some languages: see `_Rough`."""
    _, n_sentences, dim = unit.shape
    least, more = np.float32(1e-30), np.float32(1 + 2 * dim * _UNIT)
    for c in part:
        for i in range(n_sentences):
            row, mean, held, code = unit[c, i], means[c], rest[i, c], codes[c, i]
            highest, squares, missed = np.float32(0), np.float32(0), np.float32(0)
            for d in range(dim):
                value = row[d] - mean[d]
                held[d] = value
                highest = max(highest, abs(value))
                squares += value * value
            step = max(highest / np.float32(127), least)
            for d in range(dim):
                rounded = np.rint(held[d] / step)
                code[d] = np.int8(rounded)
                off = held[d] - rounded * step
                missed += off * off
            scale[c, i], length[c, i] = step, np.sqrt(squares)
            error[c, i] = np.sqrt(missed) * more + np.float32(4) * _UNIT * length[c, i]


@numba.njit(nogil=True, cache=True, fastmath=_VECTORISED)
def _highest(products, scale, scales, bias):  # type: ignore[no-untyped-def]
    """The highest value over a run of candidates, counted from 0: what may be negative is not vectorised."""
    highest = np.float32(-1e30)
    for j in range(len(products)):
        highest = max(highest, np.float32(products[j]) * (scale * scales[j]) + bias[j])
    return highest


@numba.njit(nogil=True, cache=True)
def _strike_out(products, queries, candidates, bias, own, unbeaten):  # type: ignore[no-untyped-def]
    """Mark as beaten, of ``unbeaten`` (n_languages, n_sentences), the queries that a candidate surely beats."""
    (scale, length, error), (scales, lengths, errors) = queries, candidates
    for c in range(products.shape[1]):
        farthest, worst = lengths[c].max(), errors[c].max()
        for i in range(len(products)):
            highest = _highest(products[i, c], scale[i], scales[c], bias[c])
            if highest - (error[i] * farthest + length[i] * worst) > own[c, i]:
                unbeaten[c, i] = False


@numba.njit(nogil=True, cache=True)
def _decide(products, queries, candidates, biases, own, rounding, which, unit):  # type: ignore[no-untyped-def]
    """Whether each row's query is unbeaten by all candidates: (n_rows,) bool."""
    scale, length, error = queries
    scales, lengths, errors = candidates
    places, languages, sentences, candidate = which
    n = products.shape[1]
    unbeaten = np.zeros(len(places), np.bool_)
    reached = np.empty((n + _BLOCK - 1) // _BLOCK, np.float32)  # the highest value that a block of candidates can have
    farthest, worst = np.empty_like(reached), np.empty_like(reached)  # a block shares one bound on its error
    for block in range(len(reached)):
        farthest[block] = lengths[block * _BLOCK : (block + 1) * _BLOCK].max()
        worst[block] = errors[block * _BLOCK : (block + 1) * _BLOCK].max()
    for row in range(len(places)):
        i, bias, found = sentences[row], biases[places[row]], products[row]
        low, high = own[row] - rounding[row], own[row] + rounding[row]
        beaten = False
        for block in range(len(reached)):
            # the translation itself is among them: what it has is never surely higher than what it has
            start, stop = block * _BLOCK, min((block + 1) * _BLOCK, n)
            highest = _highest(found[start:stop], scale[row], scales[start:stop], bias[start:stop])
            doubt = error[row] * farthest[block] + length[row] * worst[block]
            reached[block] = highest + doubt
            if highest - doubt > high:
                beaten = True
                break
        if beaten:
            continue
        query, near = unit[languages[row], i], unit[candidate]
        target = _dot(query, near[i])
        for block in range(len(reached)):
            if reached[block] < low:
                continue
            for j in range(block * _BLOCK, min((block + 1) * _BLOCK, n)):
                value = np.float32(found[j]) * (scale[row] * scales[j]) + bias[j]
                if j != i and value + (error[row] * lengths[j] + length[row] * errors[j]) >= low:
                    exact = _dot(query, near[j])
                    if exact > target or (exact == target and j < i):
                        beaten = True
                        break
            if beaten:
                break
        unbeaten[row] = not beaten
    return unbeaten


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _dot(one, other):  # type: ignore[no-untyped-def]
    """In double precision, in an order that is the same for all vectors of a length: copies give equal values."""
    total = 0.0
    for d in range(len(one)):
        total += np.float64(one[d]) * np.float64(other[d])
    return total
