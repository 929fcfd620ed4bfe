"""How well each neuron's response tells the sentences of one language from the others.

One sort of a neuron's responses gives its AUROC for all languages: the ranks are the same for every language, and only
the rank sum of each language's sentences differs (Mann-Whitney U).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import numpy as np

_CHUNK = 1 << 22  # responses sorted at a time: small enough for the cache, large enough to amortise the call


def auroc(responses: np.ndarray, labels: np.ndarray, n_languages: int) -> np.ndarray:
    """AUROC of every neuron as a classifier of every language against the rest.

    Parameters
    ----------
    responses : ndarray of float16 or float32, (n_neurons, n_sentences)
        Pooled responses. Finite.
    labels : ndarray of int, (n_sentences,)
        Language of each sentence, 0 to ``n_languages - 1``.
    n_languages : int

    Returns
    -------
    ndarray of float64, (n_languages, n_neurons)
        Equal to ``sklearn.metrics.roc_auc_score(labels == language, responses[neuron])``: ties count as a half. NaN
        for a language with no sentence, or with all of them.

    Raises
    ------
    ValueError
        If a response is not finite, or the shapes do not fit.

    Examples
    --------
    One neuron that responds most to the two sentences of language 1:

    >>> auroc(np.array([[0.1, 0.4, 2.0, 3.0]], dtype=np.float32), np.array([0, 0, 1, 1]), 2)
    array([[0.],
           [1.]])
    """
    sums = _by_row(responses, labels, n_languages, _compiled().sum_ranks)
    positive = np.bincount(labels, minlength=n_languages).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.ascontiguousarray(((sums - positive * (positive + 1) / 2) / (positive * (len(labels) - positive))).T)


def average_precision(responses: np.ndarray, labels: np.ndarray, n_languages: int) -> np.ndarray:
    """Average precision of every neuron as a classifier of every language against the rest.

    Parameters
    ----------
    responses, labels, n_languages
        As for `auroc`.

    Returns
    -------
    ndarray of float64, (n_languages, n_neurons)
        Equal to ``sklearn.metrics.average_precision_score(labels == language, responses[neuron])``: the mean precision
        over thresholds, weighted by the gain in recall; 0 for a language with no sentence.

    References
    ----------
    Suau et al., 2022 (self-conditioning) score experts so.
    """
    sums = _by_row(responses, labels, n_languages, _compiled().sum_precisions)
    positive = np.bincount(labels, minlength=n_languages).astype(np.float64)
    return np.ascontiguousarray((sums / np.maximum(positive, 1)).T)


def _by_row(responses: np.ndarray, labels: np.ndarray, n_languages: int, kernel: Callable[..., None]) -> np.ndarray:
    """Sort every row once and let ``kernel`` sum over it by label: (n_neurons, n_languages)."""
    labels = np.ascontiguousarray(labels, dtype=np.int64)
    n_neurons, n_sentences = responses.shape
    if labels.shape != (n_sentences,) or labels.min() < 0 or labels.max() >= n_languages:
        raise ValueError(f"labels: one a sentence, from 0 to {n_languages - 1}")
    sums = np.zeros((n_neurons, n_languages))
    rows = max(1, _CHUNK // n_sentences)

    def chunk(start: int) -> None:
        ordered, bits = _sorted_with_position(responses[start : start + rows])
        kernel(ordered, np.uint64(bits), labels, sums[start : start + rows])

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # numpy's sort and the kernel release the GIL
        list(pool.map(chunk, range(0, n_neurons, rows)))
    return sums


def means(responses: np.ndarray, labels: np.ndarray, n_languages: int) -> np.ndarray:
    """Mean response of every neuron on every language.

    Parameters
    ----------
    responses, labels, n_languages
        As for `auroc`.

    Returns
    -------
    ndarray of float32, (n_languages, n_neurons)
        Accumulated in double precision; NaN for a language with no sentence.
    """
    with np.errstate(invalid="ignore"):
        return np.stack(
            [
                responses[:, labels == language].sum(axis=1, dtype=np.float64) / (labels == language).sum()
                for language in range(n_languages)
            ]
        ).astype(np.float32)


def _sorted_with_position(responses: np.ndarray) -> tuple[np.ndarray, int]:
    """Sort each row and remember where each value stood, in one sort of integers.

    A float's bits, made monotone, go into the high half of an unsigned integer and the sentence's position into the low
    half: numpy sorts those with vector instructions, which an argsort cannot use.
    """
    small = responses.dtype == np.float16 and responses.shape[1] <= 1 << 16
    bits = 16 if small else 32
    raw = np.ascontiguousarray(responses, dtype=f"f{bits // 8}").view(f"u{bits // 8}")
    keys = np.empty(raw.shape, dtype=f"u{bits // 4}")
    infinite = np.array(np.inf, dtype=f"f{bits // 8}").view(raw.dtype)
    if not _compiled().write_keys(raw, np.uint64(bits), np.uint64(infinite), keys):
        raise ValueError("responses must be finite")
    keys.sort(axis=1)
    return keys, bits


def _compiled() -> ModuleType:
    """Import the compiled loops only when they are needed: importing numba takes a second."""
    from core.neurons import rank_kernels

    return rank_kernels
