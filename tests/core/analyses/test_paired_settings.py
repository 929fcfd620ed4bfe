"""Which of two settings wins follows the sentences, and what is said follows which wins."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.analyses.paired_settings import (
    can_be_paired,
    compare,
    compare_rows,
    sentence_values,
    values_of_rows,
    verdict,
)
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.measure_table import MEASURES
from core.pipeline.result import Result
from core.pipeline.sentence_values import SentenceSpace
from core.stats import paired
from core.stats.paired import Part
from tests.helpers.results import make_result


def values(mean: float, change: float = 0.0, n: int = 200) -> dict[str, list[Part]]:
    """Sentences whose mean is ``mean + change``: the first of the two with noise that both settings share."""
    noise = np.random.default_rng(0).normal(0, 0.3, size=n)
    own = np.random.default_rng(1).normal(0, 0.02, size=n)
    return {name: [(1.0, mean + change + noise + (own if change else 0))] for name in MEASURES}


def test_more_is_better_where_higher_is_and_less_where_lower_is() -> None:
    a, b = make_result(top1=(0.1, 0.45)), make_result(top1=(0.1, 0.4))
    rows = {row.measure.name: row for row in compare(a, b, values(0.4, 0.05), values(0.4))}
    assert rows["target_top1"].winner == 1  # by 5 points, that the noise of both hides where it is not paired
    assert rows["distance"].winner == -1
    assert rows["target_top1"].difference is not None
    assert rows["target_top1"].difference.low > 0.03
    text = verdict(a, b, list(rows.values()))
    assert text.startswith("**A finds more translations from Japanese (日本語) than B**: 45% against 40%")
    assert "Of 8 measures, A is better on 4 and B on 4; on 0 the two may be level." in text
    assert (
        "Without any intervention it is 30% by subtracting each language's mean embedding and 25% by layer 2 (the best "
        "on these sentences)." in text
    )
    reverse = compare(b, a, values(0.4), values(0.4, 0.05))
    assert verdict(b, a, reverse).startswith(
        "**B finds more translations from Japanese (日本語) than A**: 45% against 40%"
    )


def test_equal_settings_cannot_be_told_apart() -> None:
    a = make_result()
    rows = compare(a, a, values(0.4), values(0.4))
    assert {row.winner for row in rows} == {0}
    assert "cannot be told apart" in verdict(a, a, rows)
    assert "(A - B: +0.0 points [+0.0, +0.0], n = 200)" in verdict(a, a, rows)


def test_other_sentences_are_not_paired() -> None:
    a, b = make_result(), make_result(languages=("en", "ja"))
    assert can_be_paired(a.plan, make_result(replace(a.plan.experiment, strength=0.5)).plan)
    assert not can_be_paired(a.plan, b.plan)
    assert not can_be_paired(a.plan, make_result(replace(a.plan.experiment, target="en")).plan)
    rows = compare(a, b, values(0.4, 0.05), values(0.4))
    assert {(row.difference, row.winner) for row in rows} == {(None, 0)}
    assert "no interval can be given" in verdict(a, b, rows)


def test_settings_that_can_be_paired_are_said_to_wait_for_their_sentences() -> None:
    a = make_result()
    said = verdict(a, a, compare(a, a, values(0.4), None))
    assert "not compared yet" in said
    assert "on other sentences" not in said


def test_a_real_pair_of_settings(asked: Experiment, engine: Engine) -> None:
    """The differences are those of the results, and the sentences those of the spaces."""
    other = replace(asked, strength=0.3)
    results: list[Result] = [engine.run(one) for one in (asked, other)]
    rows = compare(*results, *(engine.answer(one, sentence_values) for one in (asked, other)))
    assert [row.measure.name for row in rows] == list(MEASURES)
    for row in rows:
        expected = row.measure.read(results[0]).post - row.measure.read(results[1]).post
        assert row.difference is not None
        np.testing.assert_allclose(row.difference.value, expected, atol=3e-6, err_msg=row.measure.name)
        assert row.difference.low <= expected + 1e-6
        assert row.difference.high >= expected - 1e-6


def test_some_rows_alone_are_paired() -> None:
    a = make_result(top1=(0.1, 0.45))
    first, second = values(0.4, 0.05, n=5), values(0.4, n=5)
    mask = np.array([True, False, True, True, False])
    rows = compare_rows(a, first, second, [mask])
    assert [row.measure.name for row in rows] == list(MEASURES)
    of = {name: (first[name][0][1][mask].mean(), second[name][0][1][mask].mean()) for name in MEASURES}
    for row in rows:
        assert (row.first, row.second) == of[row.measure.name]
        assert row.difference is not None
        assert row.difference.n == 3
        np.testing.assert_allclose(row.difference.value, row.first - row.second)
    assert "n = 3" in verdict(a, a, rows, with_free=False)
    assert "Without any intervention" not in verdict(a, a, rows, with_free=False)


def test_rows_of_several_sets_are_as_far_from_the_medoid_as_their_sentences() -> None:
    """As on BUCC: each set has a language of its own beside English, and every sentence counts once."""
    draw = np.random.default_rng(8)
    rows = [draw.normal(0.4, 1, size=(2, n, 6)).astype(np.float32) for n in (30, 50)]
    sets = [("en", "de"), ("en", "fr")]
    space = SentenceSpace("en", sets, lambda group, _: rows[group], 0)
    plan: Any = SimpleNamespace(target="en", groups=[SimpleNamespace(languages=own) for own in sets])
    english, german = np.concatenate([rows[0][0], rows[1][0]]), rows[0][1]

    def away(of: np.ndarray, chosen: np.ndarray) -> float:
        """The distance of a mean, which chosen sentences move along its gradient."""
        mean, medoid = of.mean(axis=0, dtype=np.float64), space._medoid
        length = np.linalg.norm(mean)
        gradient = -(medoid - (mean @ medoid) * mean / length**2) / length
        return float(1 - mean @ medoid / length + (chosen.mean(axis=0) - mean) @ gradient)

    masks = [np.arange(n) % 5 == 0 for n in (30, 50)]  # as large a part of both sets
    chosen = np.concatenate([part[0][mask] for part, mask in zip(rows, masks, strict=True)])
    values = {"target": space.medoid_distance(of_target=True), "others": space.medoid_distance(of_target=False)}
    kept = values_of_rows(values, plan, masks)
    assert paired.mean(kept["target"]) == pytest.approx(away(english, chosen), abs=1e-6)
    first = values_of_rows(values, plan, [masks[0], np.zeros(50, dtype=bool)])
    assert paired.mean(first["target"]) == pytest.approx(away(english, rows[0][0][masks[0]]), abs=1e-6)
    assert paired.mean(first["others"]) == pytest.approx(away(german, german[masks[0]]), abs=1e-6)


def test_rows_that_hold_none_of_a_measures_sentences_say_nothing_of_it() -> None:
    sets = [("en", "de"), ("en", "ja")]
    rows = np.random.default_rng(2).normal(0.4, 1, size=(2, 9, 6)).astype(np.float32)
    space = SentenceSpace("ja", sets, lambda *_: rows, 0)
    plan: Any = SimpleNamespace(target="ja", groups=[SimpleNamespace(languages=own) for own in sets])
    masks = [np.ones(9, dtype=bool), np.zeros(9, dtype=bool)]
    kept = values_of_rows({name: space.medoid_distance(name == "target") for name in ("target", "others")}, plan, masks)
    assert list(kept) == ["others"]
    assert np.isfinite(paired.mean(kept["others"]))
