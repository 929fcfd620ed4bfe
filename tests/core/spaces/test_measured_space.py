"""Values and intervals of several sets of rows, and two spaces compared."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from core.spaces.measured_space import ALL, difference, measured, of_rows
from core.spaces.retrieval import correct
from core.spaces.sentence_tables import SentenceTables
from core.spaces.space_measures import SPACE_MEASURES
from core.stats.intervals import bootstrap
from tests.helpers.spaces import spaces

CODES = ("de", "en", "ja")


def test_values_are_means_over_pairs_and_intervals_draw_sentences_of_all_pairs_together() -> None:
    space = spaces(1, 3, 40)
    hits = correct(space).astype(float)
    found = measured([SentenceTables(space, CODES)], ["top1"])
    by_sentence = np.mean([hits[q, c] for q in range(3) for c in range(3) if q != c], axis=0)
    for scope, values in ((ALL, by_sentence), ("ja", (hits[2, 0] + hits[2, 1]) / 2)):
        expected, row = bootstrap(values), found.value("top1", scope)
        assert (row.value, row.low, row.high) == pytest.approx((expected.value, expected.low, expected.high))
        assert row.n == 40
        assert np.isnan(row.permuted)


def test_pairs_of_languages_with_rows_of_their_own_count_alike() -> None:
    first, second = spaces(2, 2, 30), spaces(3, 2, 50)
    found = measured([SentenceTables(first, ("en", "de")), SentenceTables(second, ("en", "ja"))], SPACE_MEASURES)
    one, other = (
        measured([SentenceTables(s, c)], SPACE_MEASURES) for s, c in ((first, ("en", "de")), (second, ("en", "ja")))
    )
    assert "language_id" not in set(found.values["measure"])  # there are no probe rows to fit it on
    for name, measure in SPACE_MEASURES.items():
        if measure.needs_probe:
            continue
        scopes = (ALL, "en") if measure.of_pairs else (ALL,)
        for scope in scopes:
            mean = (one.value(name, scope).value + other.value(name, scope).value) / 2
            assert found.value(name, scope).value == pytest.approx(mean), name
    assert found.value("top1", "ja").value == other.value("top1", "ja").value
    assert found.value("top1", ALL).n == 80
    with pytest.raises(LookupError, match="language_id of all was not measured"):
        found.value("language_id")


def test_a_difference_is_paired_and_its_test_is_wilcoxons() -> None:
    before, after = spaces(4, 3, 40), spaces(4, 3, 40, noise=0.6)
    one, other = (measured([SentenceTables(space, CODES)], ["top1", "mexa"]) for space in (after, before))
    rates = [correct(space).astype(float)[2, :2].mean(axis=0) for space in (after, before)]
    interval, p = difference(one, other, "top1", "ja")
    expected = bootstrap(rates[0] - rates[1])
    assert (interval.value, interval.low, interval.high) == pytest.approx((expected.value, expected.low, expected.high))
    changed = (rates[0] - rates[1])[rates[0] != rates[1]]
    assert p == pytest.approx(stats.wilcoxon(changed).pvalue)
    same, p = difference(one, one, "mexa")
    assert (same.value, same.low, same.high, p) == (0, 0, 0, 1)


def test_some_rows_alone_are_compared_with_the_same_candidates() -> None:
    first, second = spaces(2, 2, 30), spaces(3, 2, 50)
    found = measured([SentenceTables(first, ("en", "de")), SentenceTables(second, ("en", "ja"))], ["top1"])
    rows = (np.arange(30) % 3 == 0, np.arange(50) < 20)
    hits = [correct(space).astype(float)[0, 1][mask] for space, mask in zip((first, second), rows, strict=True)]
    some = of_rows(found, rows, "top1", "en").value("top1", "en")
    assert some.value == pytest.approx((hits[0].mean() + hits[1].mean()) / 2)  # pairs count alike
    assert some.low < some.value < some.high
    assert some.n == 30
    one = of_rows(found, (rows[0], np.zeros(50, dtype=bool)), "top1", "en")
    expected, row = bootstrap(hits[0]), one.value("top1", "en")
    assert (row.value, row.low, row.high, row.n) == pytest.approx((expected.value, expected.low, expected.high, 10))
    assert difference(one, one, "top1", "en")[0].n == 10
