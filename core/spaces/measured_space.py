"""One space measured: every measure by pair and over all, with intervals over sentences, and two spaces compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from core.spaces.sentence_tables import SentenceTables
from core.spaces.space_measures import SPACE_MEASURES, SpaceMeasure
from core.stats import paired
from core.stats.intervals import Interval, from_resamples, resampled_means

ALL = "all"
"""The scope of a value over all ordered pairs of languages, or of the whole space; others are query languages."""


@dataclass(frozen=True)
class Sentences:
    """One measure's value of every sentence, as mean over candidates, in one set of rows.

    Attributes
    ----------
    languages : tuple of str
        Query languages.
    values : ndarray of float32, (n_languages, n)
    """

    languages: tuple[str, ...]
    values: np.ndarray

    def of(self, scope: str) -> np.ndarray | None:
        """Values with one language as the query, or the mean over all: (n,); None if it is not there."""
        if scope == ALL:
            return np.asarray(self.values.mean(axis=0, dtype=np.float64))
        return self.values[self.languages.index(scope)].astype(np.float64) if scope in self.languages else None

    def pairs(self, scope: str) -> int:
        """How many ordered pairs of languages a sentence's value is the mean of."""
        others = len(self.languages) - 1
        return others * len(self.languages) if scope == ALL else others


@dataclass(frozen=True)
class Value(Interval):
    """A measure of a space with its 95% interval over sentences.

    Attributes
    ----------
    permuted : float
        What it says where no rows correspond; NaN where the measure has no such value.
    """

    permuted: float = np.nan


@dataclass(frozen=True)
class MeasuredSpace:
    """One space and all that was measured of it.

    Attributes
    ----------
    pairs : DataFrame
        ``group, query, candidate, n`` and a column a measure of pairs.
    values : DataFrame
        ``measure, scope, value, low, high, n, permuted``: means over pairs, with 95% intervals over sentences. The
        scope is `ALL` or a query language; ``permuted`` is NaN where the measure has no such value.
    sentences : dict of str to tuple of Sentences
        By measure whose value is a mean over sentences; one a group of rows.
    """

    pairs: pd.DataFrame
    values: pd.DataFrame
    sentences: dict[str, tuple[Sentences, ...]]

    def value(self, measure: str, scope: str = ALL) -> Value:
        """One row of ``values``.

        Raises
        ------
        LookupError
            If it was not measured.
        """
        found = self._by_name.get((measure, scope))
        if found is None:
            raise LookupError(f"{measure} of {scope} was not measured")
        return found

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], Value]:
        """The rows of ``values`` by measure and scope: a report asks for each of hundreds."""
        columns = (self.values[name] for name in ("measure", "scope", "value", "low", "high", "n", "permuted"))
        return {
            (str(measure), str(scope)): Value(float(value), float(low), float(high), int(n), float(permuted))
            for measure, scope, value, low, high, n, permuted in zip(*columns, strict=True)
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The measures that it has values of."""
        return tuple(self.values["measure"].unique())


def joined(parts: Sequence[MeasuredSpace]) -> MeasuredSpace:
    """Put measures of one space together, in the order of `SPACE_MEASURES`; no measure may be in two parts."""
    pairs = parts[0].pairs.assign(**{str(name): part.pairs[name] for part in parts[1:] for name in part.pairs})
    values = pd.concat([part.values for part in parts], ignore_index=True)
    order = list(SPACE_MEASURES)
    values = values.sort_values("measure", key=lambda names: names.map(order.index), kind="stable", ignore_index=True)
    columns = [name for name in pairs if name not in SPACE_MEASURES] + [name for name in order if name in pairs]
    sentences = {name: values for part in parts for name, values in part.sentences.items()}
    return MeasuredSpace(pairs[columns], values, sentences)


def measured(groups: Sequence[SentenceTables], names: Iterable[str]) -> MeasuredSpace:
    """Measure a space.

    Parameters
    ----------
    groups : sequence of SentenceTables
        One a set of rows; values are means over the pairs of all sets, whose sentences are drawn independently.
    names : iterable of str
        Of `SPACE_MEASURES`. Those that need probe rows are left out where the groups have none.
    """
    chosen = [SPACE_MEASURES[name] for name in names]
    chosen = [m for m in chosen if not m.needs_probe or all(tables.probe is not None for tables in groups)]
    pairs = [_pair_frame(number, tables) for number, tables in enumerate(groups)]
    rows: list[dict[str, object]] = []
    sentences: dict[str, tuple[Sentences, ...]] = {}
    for measure in chosen:
        moments = [np.asarray(measure.moments(tables), dtype=np.float64) for tables in groups]
        permuted = [measure.permuted(tables) for tables in groups] if measure.permuted else None
        if measure.of_pairs:
            for frame, part in zip(pairs, moments, strict=True):
                frame[measure.name] = _off_diagonal(_by_pair(measure, part))
            rows += _scopes(measure, groups, moments, permuted)
            if measure.of_means is None:
                sentences[measure.name] = tuple(
                    Sentences(tables.languages, _over_candidates(part).astype(np.float32))
                    for tables, part in zip(groups, moments, strict=True)
                )
        else:
            rows.append(_whole(measure, moments))
    columns = ["measure", "scope", "value", "low", "high", "n", "permuted"]
    return MeasuredSpace(pd.concat(pairs, ignore_index=True), pd.DataFrame(rows, columns=columns), sentences)


def of_rows(space: MeasuredSpace, rows: Sequence[np.ndarray], measure: str, scope: str) -> MeasuredSpace:
    """One measure of some rows alone, with one language as the query.

    Parameters
    ----------
    rows : sequence of ndarray of bool, (n,)
        Which rows, by set; at least one. Sets without any are left out.
    measure : str
        One whose value is a mean over sentences. What sentences are compared with stays the same.
    """
    parts = tuple(
        Sentences(part.languages, part.values[:, mask])
        for part, mask in zip(space.sentences[measure], rows, strict=True)
        if mask.any() and part.of(scope) is not None
    )
    total = sum(part.pairs(scope) for part in parts)
    own = [(part.pairs(scope) / total, values) for part in parts if (values := part.of(scope)) is not None]
    drawn = np.sum([weight * resampled_means(values, seed=seed) for seed, (weight, values) in enumerate(own)], axis=0)
    interval = from_resamples(paired.mean(own), drawn, sum(len(values) for _, values in own))
    row = {"measure": measure, "scope": scope, "permuted": np.nan} | vars(interval)
    return MeasuredSpace(space.pairs.iloc[:0], pd.DataFrame([row]), {measure: parts})


def difference(first: MeasuredSpace, second: MeasuredSpace, measure: str, scope: str = ALL) -> tuple[Interval, float]:
    """Compare two spaces of the same sentences: the first's value minus the second's, paired.

    Parameters
    ----------
    measure : str
        One whose value is a mean over sentences.

    Returns
    -------
    Interval
        95%, by drawing sentences for both spaces together.
    float
        p-value of Wilcoxon's signed-rank test of the sentences' differences, before any correction.
    """
    shared = [
        (one.pairs(scope), values, other_values)
        for one, other in zip(first.sentences[measure], second.sentences[measure], strict=True)
        if (values := one.of(scope)) is not None and (other_values := other.of(scope)) is not None
    ]
    total = sum(weight for weight, *_ in shared)
    ours = [(weight / total, values) for weight, values, _ in shared]
    theirs = [(weight / total, values) for weight, _, values in shared]
    return paired.difference(ours, theirs)


def _pair_frame(number: int, tables: SentenceTables) -> pd.DataFrame:
    languages, n = tables.languages, tables.unit.shape[1]
    return pd.DataFrame(
        [
            {"group": number, "query": query, "candidate": candidate, "n": n}
            for query in languages
            for candidate in languages
            if query != candidate
        ]
    )


def _by_pair(measure: SpaceMeasure, moments: np.ndarray) -> np.ndarray:
    """The value of every pair: (n_languages, n_languages)."""
    means = moments.mean(axis=2)
    return means if measure.of_means is None else measure.of_means(means)


def _off_diagonal(table: np.ndarray) -> np.ndarray:
    return table[~np.eye(len(table), dtype=bool)]


def _over_candidates(table: np.ndarray) -> np.ndarray:
    """Mean over the other languages as candidates: (n_languages, n_languages, ...) to (n_languages, ...)."""
    n = len(table)
    own = table[np.arange(n), np.arange(n)]
    return np.asarray((table.sum(axis=1) - own) / (n - 1))


def _scopes(
    measure: SpaceMeasure,
    groups: Sequence[SentenceTables],
    moments: Sequence[np.ndarray],
    permuted: Sequence[np.ndarray] | None,
) -> list[dict[str, object]]:
    """Values with each language as the query, and over all pairs."""
    by_group = [_over_candidates(_by_pair(measure, part)) for part in moments]
    drawn = [_drawn(measure, part, seed) for seed, part in enumerate(moments)]
    without = [_over_candidates(_by_pair(measure, part)) for part in permuted] if permuted else None
    languages = dict.fromkeys(code for tables in groups for code in tables.languages)
    rows = []
    for scope in (ALL, *languages):
        # (group, place of the query, how many pairs); each query language has as many candidates
        terms = [
            (number, place, len(tables.languages) - 1)
            for number, tables in enumerate(groups)
            for place, code in enumerate(tables.languages)
            if scope in (ALL, code)
        ]
        total = sum(weight for *_, weight in terms)
        value = sum(weight * float(by_group[g][place]) for g, place, weight in terms) / total
        draws = np.sum([weight * drawn[g][:, place] for g, place, weight in terms], axis=0) / total
        n = sum(groups[g].unit.shape[1] for g in {g for g, *_ in terms})
        interval = from_resamples(value, draws, n)
        reference = sum(w * float(without[g][place]) for g, place, w in terms) / total if without else np.nan
        rows.append(_row(measure, scope, interval, reference))
    return rows


def _drawn(measure: SpaceMeasure, moments: np.ndarray, seed: int) -> np.ndarray:
    """Values of draws of sentences, by query language: (n_resamples, n_languages)."""
    if measure.of_means is None:
        return resampled_means(_over_candidates(moments).T, seed=seed)
    by_sentence = np.moveaxis(moments, 2, 0)
    parts = []
    for query in range(len(moments)):  # one query language at a time, to hold few draws
        others = np.delete(np.arange(len(moments)), query)
        parts.append(measure.of_means(resampled_means(by_sentence[:, query, others], seed=seed)).mean(axis=1))
    return np.stack(parts, axis=1)


def _whole(measure: SpaceMeasure, moments: Sequence[np.ndarray]) -> dict[str, object]:
    """A measure of the whole space: the mean over its sets of rows."""
    of = measure.of_means or (lambda means: means)
    value = float(np.mean([of(part.mean(axis=0)) for part in moments]))
    draws = np.mean([of(resampled_means(part, seed=seed)) for seed, part in enumerate(moments)], axis=0)
    return _row(measure, ALL, from_resamples(value, draws, sum(map(len, moments))), np.nan)


def _row(measure: SpaceMeasure, scope: str, interval: Interval, permuted: float) -> dict[str, object]:
    return {
        "measure": measure.name,
        "scope": scope,
        "value": interval.value,
        "low": interval.low,
        "high": interval.high,
        "n": interval.n,
        "permuted": permuted,
    }
