"""The compiled loops of `core.neurons.rank_statistics`, in a module of their own: numba takes long to import."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def write_keys(raw: np.ndarray, bits: np.uint64, infinite: np.uint64, keys: np.ndarray) -> bool:
    """Fill ``keys`` from the bits of floats, all in one pass; returns whether all of them are finite."""
    sign = np.uint64(1) << (bits - np.uint64(1))
    every = (sign << np.uint64(1)) - np.uint64(1)
    odd = np.uint64(0)
    for row in range(raw.shape[0]):
        for place in range(raw.shape[1]):
            value = np.uint64(raw[row, place])
            odd |= np.uint64((value & infinite) == infinite)  # an exponent of ones: infinite, or not a number
            value = np.uint64(0) if value == sign else value  # minus zero and zero tie
            key = value ^ (every if value & sign else sign)  # so that greater floats are greater integers
            keys[row, place] = (key << bits) | np.uint64(place)
    return bool(odd == np.uint64(0))


@numba.njit(nogil=True, cache=True)
def sum_ranks(ordered: np.ndarray, bits: np.uint64, labels: np.ndarray, sums: np.ndarray) -> None:
    """Sum the average ranks (from 1) of each label into ``sums`` (n_rows, n_labels), from sorted keys."""
    n_rows, n = ordered.shape
    mask = (np.uint64(1) << bits) - np.uint64(1)
    for row in range(n_rows):
        start = 0
        while start < n:
            key = np.uint64(ordered[row, start]) >> bits
            stop = start + 1
            while stop < n and np.uint64(ordered[row, stop]) >> bits == key:
                stop += 1
            rank = (start + 1 + stop) / 2.0
            for place in range(start, stop):
                sums[row, labels[np.int64(np.uint64(ordered[row, place]) & mask)]] += rank
            start = stop


@numba.njit(nogil=True, cache=True)
def sum_precisions(ordered: np.ndarray, bits: np.uint64, labels: np.ndarray, sums: np.ndarray) -> None:
    """Sum, over each label's sentences, the precision at their response, into ``sums`` (n_rows, n_labels)."""
    n_rows, n = ordered.shape
    mask = (np.uint64(1) << bits) - np.uint64(1)
    for row in range(n_rows):
        above = np.zeros(sums.shape[1])
        tied = np.zeros(sums.shape[1])
        stop = n
        while stop > 0:
            key = np.uint64(ordered[row, stop - 1]) >> bits
            start = stop
            tied[:] = 0.0
            while start > 0 and np.uint64(ordered[row, start - 1]) >> bits == key:
                start -= 1
                tied[labels[np.int64(np.uint64(ordered[row, start]) & mask)]] += 1.0
            for label in range(sums.shape[1]):
                above[label] += tied[label]
                sums[row, label] += tied[label] * above[label] / (n - start)
            stop = start
