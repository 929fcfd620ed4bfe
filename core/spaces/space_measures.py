"""The one table of measures of a single space: what each is called, what it says, how it is computed.

Where `core.pipeline.measure_table` says what an intervention does to two spaces, a measure here says what one space is
worth: unmodified, after an intervention, or mapped by a rival. To add one, add it to `SPACE_MEASURES`: the command
line, the JSON and the dashboard read the table.

A measure is computed from one number or a few of every sentence (``moments``): it is their mean, or a function of their
means. So one draw of the bootstrap over sentences gives one value of every measure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from core.spaces.language_identification import identified
from core.spaces.retrieval import RANK_MEASURES
from core.spaces.sentence_tables import HUB_NEIGHBOURS, SentenceTables
from core.spaces.similarity import COMPARISONS, CSLS
from core.stats.units import COSINE, DIMENSIONS, DISTANCE, SHARE, SIMILARITY, SKEWNESS, Unit

Moments = Callable[[SentenceTables], np.ndarray]
"""From a space to its sentences' numbers; see `SpaceMeasure.moments`."""


@dataclass(frozen=True)
class SpaceMeasure:
    """One measure of one space.

    Attributes
    ----------
    name : str
        In options and columns; in JSON with ``_target`` or ``_all`` where it is of pairs of languages.
    title : str
        For lists and charts.
    about : str
        What it says, in one plain sentence.
    unit : Unit
    higher_is_better : bool or None
        None where neither is: it says what a space is like.
    moments : callable
        Of pairs, float (n_languages, n_languages, n_sentences, ...): query, candidate, sentence; the diagonal is not
        read. Of a whole space, (n_sentences, ...). One number of a sentence, or several along the last axis.
    of_means : callable, optional
        From means over sentences, (..., n_moments), to the value, (...). Without it the value is the mean itself.
    of_pairs : bool
        It is measured for every ordered pair of languages; else for the space as a whole.
    permuted : callable, optional
        The moments where rows of one language are in another order: what the measure says where nothing corresponds.
    needs_probe : bool
        It is fitted on the probe rows, and is left out where there are none.
    among_distractors : bool
        Sentences that translate nothing are candidates as well, where there are some.
    hits : bool
        A sentence of a pair of languages is a hit or none, each for itself: the pair's value is a share of them.
    """

    name: str
    title: str
    about: str
    unit: Unit
    higher_is_better: bool | None
    moments: Moments
    of_means: Callable[[np.ndarray], np.ndarray] | None = None
    of_pairs: bool = True
    permuted: Moments | None = None
    needs_probe: bool = False
    among_distractors: bool = False
    hits: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """Its names in the JSON: for the target as the query and for all pairs, or for the space."""
        return (f"{self.name}_target", f"{self.name}_all") if self.of_pairs else (self.name,)


def _of_ranks(name: str) -> Moments:
    return lambda tables: RANK_MEASURES[name].value(tables.passed.ranks)


def _reciprocal(tables: SentenceTables) -> np.ndarray:
    nearest = tables.passed.nearest
    back = np.take_along_axis(nearest.transpose(1, 0, 2), nearest, axis=2)
    return np.asarray(back == np.arange(nearest.shape[2]), dtype=np.float64)


def _never_first(tables: SentenceTables) -> np.ndarray:
    never = np.ones(tables.passed.nearest.shape)
    np.put_along_axis(never, tables.passed.nearest, 0.0, axis=2)
    return never


def _powers(tables: SentenceTables) -> np.ndarray:
    """Occurrences, their squares and their cubes, about their mean of `HUB_NEIGHBOURS`."""
    counts = tables.passed.occurrences - float(min(HUB_NEIGHBOURS, tables.unit.shape[1]))
    return np.stack([counts, counts**2, counts**3], axis=-1)


def _skewness(means: np.ndarray) -> np.ndarray:
    first, second, third = np.moveaxis(means, -1, 0)
    variance = second - first**2
    central = third - 3 * first * second + 2 * first**3
    return np.asarray(np.divide(central, variance**1.5, out=np.zeros_like(central), where=variance > 1e-12))


def _cka_moments(tables: SentenceTables, permuted: bool = False) -> np.ndarray:
    """Row sums of products of Gram matrices; linear in how often a sentence is drawn (infinitesimal jackknife)."""
    between, within = tables.gram_products(permuted)
    first = np.broadcast_to(within[:, None], between.shape)
    moments = np.stack([between, first, first.transpose(1, 0, 2)], axis=-1)
    return np.asarray(2 * moments - moments.mean(axis=2, keepdims=True))


def _cka(means: np.ndarray) -> np.ndarray:
    between, first, second = np.moveaxis(means, -1, 0)
    scale = np.sqrt(np.maximum(first, 0) * np.maximum(second, 0))
    return np.asarray(np.divide(between, scale, out=np.zeros_like(between), where=scale > 0))


def _mined(tables: SentenceTables) -> np.ndarray:
    """Whether a sentence is paired with its translation; whether at all, and its part of the paired distractors."""
    passed = tables.mined
    return np.stack([passed.mined_right, passed.mined + passed.mined_elsewhere[..., None]], axis=-1)


def _f1(means: np.ndarray) -> np.ndarray:
    return np.asarray(2 * means[..., 0] / (1 + means[..., 1]))


def _mean_cosine(tables: SentenceTables) -> np.ndarray:
    """Mean cosine of a sentence with all others but its translations, in any language; linear as for CKA."""
    unit = tables.unit.astype(np.float64)
    by_sentence = unit.sum(axis=0)
    n_languages, n = unit.shape[:2]
    others = (by_sentence.sum(axis=0) - by_sentence) * by_sentence
    cosine = others.sum(axis=1) / (n_languages**2 * (n - 1))
    return np.asarray(2 * cosine - cosine.mean())


def _axis_variances(tables: SentenceTables) -> np.ndarray:
    """Each sentence's part in the variance along every principal axis of all sentences: (n, n_axes)."""
    flat = tables.space.reshape(-1, tables.space.shape[-1]).astype(np.float64)
    flat = flat - flat.mean(axis=0)
    if flat.shape[0] >= flat.shape[1]:
        along = flat @ np.linalg.eigh(flat.T @ flat)[1]
    else:
        values, sides = np.linalg.eigh(flat @ flat.T)
        along = sides * np.sqrt(np.maximum(values, 0))
    return np.asarray((along**2).reshape(*tables.space.shape[:2], -1).mean(axis=0))


def _effective_rank(means: np.ndarray) -> np.ndarray:
    total = means.sum(axis=-1, keepdims=True)
    share = np.divide(means, total, out=np.zeros_like(means), where=total > 0)
    terms = share * np.log(share, out=np.zeros_like(share), where=share > 0)
    return np.asarray(np.exp(-terms.sum(axis=-1)))


_TOP1, _TOP5, _MRR = (RANK_MEASURES[name] for name in ("top-1", "top-5", "MRR"))
_PAIR = "mean over pairs of languages."

SPACE_MEASURES = {
    measure.name: measure
    for measure in (
        SpaceMeasure(
            "top1",
            "Top-1",
            f"Share of sentences of which {_TOP1.about} among all candidates; {_PAIR}",
            _TOP1.unit,
            True,
            lambda tables: tables.hits.astype(np.float64),
            hits=True,
        ),
        SpaceMeasure(
            "top5", "Top-5", f"The same where {_TOP5.about}; {_PAIR}", _TOP5.unit, True, _of_ranks("top-5"), hits=True
        ),
        SpaceMeasure(
            "mrr", "MRR", f"How early translations are found: {_MRR.about}; {_PAIR}", _MRR.unit, True, _of_ranks("MRR")
        ),
        SpaceMeasure(
            "csls",
            f"Top-1, {CSLS.title}",
            f"Top-1 compared by {COMPARISONS[CSLS.name].about}; {_PAIR}",
            SHARE,
            True,
            lambda tables: tables.passed.csls.astype(np.float64),
            hits=True,
        ),
        SpaceMeasure(
            "distance",
            "Distance",
            "Cosine distance between translations; says nothing alone, where all sentences are near each other.",
            DISTANCE,
            False,
            lambda tables: 1 - tables.own,
        ),
        SpaceMeasure(
            "mexa",
            "MEXA",
            "Share of sentences nearer to their translation than either is to any other sentence in the other's "
            f"language (Kargaran et al. 2024); {_PAIR}",
            SHARE,
            True,
            lambda tables: tables.beats_row_and_column.astype(np.float64),
            hits=True,
        ),
        SpaceMeasure(
            "reciprocity",
            "Reciprocity",
            f"Share of sentences whose nearest candidate has them as its nearest in turn, right or wrong; {_PAIR}",
            SHARE,
            True,
            _reciprocal,
            hits=True,
        ),
        SpaceMeasure(
            "mining_f1",
            "Mining F1",
            "F1 of pairs mined by ratio margin (k = 4) at the best threshold, as LASER does, among distractors where "
            f"there are some; {_PAIR}",
            SHARE,
            True,
            _mined,
            _f1,
            among_distractors=True,
        ),
        SpaceMeasure(
            "hub_skew",
            "Hub skew",
            f"Skewness of how often a sentence is among the {HUB_NEIGHBOURS} nearest of others: high where a few hubs "
            f"are near to everything, and 0 by definition for {HUB_NEIGHBOURS} sentences or fewer; {_PAIR}",
            SKEWNESS,
            False,
            _powers,
            _skewness,
        ),
        SpaceMeasure(
            "never_first",
            "Never found first",
            f"Share of candidates that are nearest to no query; {_PAIR}",
            SHARE,
            False,
            _never_first,
        ),
        SpaceMeasure(
            "mutual_knn",
            "Shared neighbours",
            f"Share of a sentence's {HUB_NEIGHBOURS} nearest in its own language that are its translation's as well, "
            f"all by definition for {HUB_NEIGHBOURS + 1} sentences or fewer; {_PAIR}",
            SHARE,
            True,
            lambda tables: tables.shared_neighbours(),
            permuted=lambda tables: tables.shared_neighbours(permuted=True),
        ),
        SpaceMeasure(
            "cka",
            "CKA",
            "Linear CKA: how alike the arrangements of two languages' sentences are, whatever their place and "
            f"direction; {_PAIR}",
            SIMILARITY,
            True,
            _cka_moments,
            _cka,
            permuted=partial(_cka_moments, permuted=True),
        ),
        SpaceMeasure(
            "anisotropy",
            "Mean cosine",
            "Mean cosine of two sentences that do not translate each other: near 1 where all lie in one narrow cone.",
            COSINE,
            False,
            _mean_cosine,
            of_pairs=False,
        ),
        SpaceMeasure(
            "effective_rank",
            "Effective rank",
            "How many directions the sentences spread over: exp of the entropy of their variances. Its interval lies "
            "too low, since draws repeat sentences, and the value may be above it.",
            DIMENSIONS,
            None,
            _axis_variances,
            _effective_rank,
            of_pairs=False,
        ),
        SpaceMeasure(
            "language_id",
            "Language identification",
            "Share of sentences whose language a linear probe tells (standardised, multinomial logistic regression, "
            "C = 0.1, fitted on probe rows): high where languages are still apart, and at chance by construction under "
            "a map that takes out each language's mean over the same rows.",
            SHARE,
            False,
            identified,
            of_pairs=False,
            needs_probe=True,
        ),
    )
}
"""Every measure of one space by name, in the order of all lists; the first is the usual one."""
