"""Estimates of the measures while the sentences are still being embedded, each with its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.experiment.plan import Plan
from core.spaces import retrieval
from core.spaces.similarity import normalise
from core.stats.intervals import Interval, student, wilson_of


@dataclass(frozen=True)
class Estimate:
    """Measures from the first sentences, drawn at random, with the target as the query.

    Attributes
    ----------
    rows : int
        Sentences so far.
    among : tuple of int
        Candidates so far of each set of rows: each sentence looks among those of its own, which is easier than among
        all.
    of : int
        Sentences in the end.
    pre, post : Interval
        Top-1, mean over candidate languages; both spaces over the same sentences and candidates.
    distance_pre, distance_post : Interval
        Cosine distance to the translations, mean over candidate languages.
    """

    rows: int
    among: tuple[int, ...]
    of: int
    pre: Interval
    post: Interval
    distance_pre: Interval
    distance_post: Interval


def estimate(plan: Plan, pre: dict[int, np.ndarray], post: dict[int, np.ndarray]) -> Estimate | None:
    """Estimate from a part of the sentences.

    Parameters
    ----------
    pre, post : dict of int to ndarray of float32, (n_languages, n_rows, hidden)
        By group, the same rows of both spaces.

    Returns
    -------
    Estimate or None
        None while fewer than two rows are there.

    Notes
    -----
    For top-1, Wilson's interval of a share of as many trials as sentences: a sentence's hits in several languages are
    not independent, so they count as one trial, and four sentences that all miss prove little. For distance, Student's
    interval over sentences, of a sentence's mean over candidate languages. A set of rows weighs as much as it has
    candidate languages, as in the result; of several sets, the shares' trials are as many as give a mean of so many
    the same variance, and Student's degrees of freedom are Welch's (Satterthwaite, 1946).
    """
    groups = [g for g, group in enumerate(plan.groups) if plan.target in group.languages and g in post]
    rows = sum(post[g].shape[1] for g in groups)
    if not groups or min(post[g].shape[1] for g in groups) < 2:
        return None
    measured = {
        name: [_measure(space[g], plan.groups[g].languages.index(plan.target)) for g in groups]
        for name, space in (("pre", pre), ("post", post))
    }
    candidates = np.array([len(plan.groups[g].languages) - 1 for g in groups], dtype=np.float64)
    (pre_hits, pre_apart), (post_hits, post_apart) = (zip(*measured[name], strict=True) for name in ("pre", "post"))
    weights = tuple(candidates / candidates.sum())
    return Estimate(
        rows,
        tuple(post[g].shape[1] for g in groups),
        sum(len(plan.groups[g]) for g in groups),
        wilson_of(pre_hits, weights),
        wilson_of(post_hits, weights),
        student(pre_apart, weights, 0.0, 2.0),
        student(post_apart, weights, 0.0, 2.0),
    )


def _measure(space: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean over candidate languages of each sentence's hit and distance: two (n_rows,)."""
    hits = np.delete(retrieval.correct_of(space, target), target, axis=0).mean(axis=0)
    unit = normalise(space)
    distance = 1.0 - np.einsum("cnd,nd->cn", np.delete(unit, target, axis=0), unit[target])
    return hits, distance.mean(axis=0)
