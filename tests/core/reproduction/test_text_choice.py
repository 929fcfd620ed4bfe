"""Which number of experts a report prefers for text, by figures made by hand and by those of the project's report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.reproduction import reader, text_choice
from core.reproduction.reader import ReportContent
from core.stats.intervals import Interval
from tests.helpers.results import make_plan
from tests.helpers.text_choice import JA, report


def test_the_least_number_that_reaches_the_best_ones_interval_is_preferred() -> None:
    found = text_choice.read(report(), make_plan(JA))
    assert found is not None
    assert (found.best, found.preferred, found.rises) == (2000, 500, True)  # .8 of 500 reaches .7, .4 of 100 does not
    assert found.perplexity[500].value == 90
    flat = text_choice.read(report(dict.fromkeys((0, 100, 500), (0.02, 0.0, 0.1))), make_plan(JA))
    assert flat is not None
    assert (flat.preferred, flat.rises) == (100, False)


def test_a_number_that_does_more_than_the_unmodified_model_is_preferred_to_one_that_may_not() -> None:
    ends = {0: (0.25, 0.55), 100: (0.52, 0.86), 500: (0.83, 0.99)}
    found = text_choice.TextChoice(
        {k: Interval((low + high) / 2, low, high, 32) for k, (low, high) in ends.items()}, {}, {}
    )
    assert (found.best, found.preferred, found.rises) == (500, 500, True)  # .86 reaches .83, and .52 lies below .55


def test_figures_without_intervals_choose_nothing() -> None:
    without = report()
    without.tables[text_choice.ITEM][["low", "high"]] = float("nan")
    assert text_choice.read(without, make_plan(JA)) is None


@pytest.mark.parametrize(
    "change",
    [{"strength": 0.5}, {"method": "zero"}, {"control": "random"}, {"score": "ap"}, {"target": "es"}, {"adapter": "a"}],
    ids=lambda change: next(iter(change)),
)
def test_a_setting_of_another_kind_has_no_choice(change: dict[str, Any]) -> None:
    assert text_choice.read(report(), make_plan(replace(JA, **change))) is None


@pytest.mark.parametrize("experts", [1, 5000])
def test_the_number_of_experts_and_the_sentences_make_no_difference(experts: int) -> None:
    bound = make_plan(replace(JA, experts=experts, probe_sentences=9, eval_sentences=9))
    assert text_choice.read(report(corpus="another"), bound) is not None


def test_another_model_and_a_report_without_it_or_with_other_columns_have_none() -> None:
    assert text_choice.read(report(model_digest="1" * 64), make_plan(JA)) is None
    bare = report()
    assert text_choice.read(ReportContent(bare.content, {}), make_plan(JA)) is None
    odd = ReportContent(bare.content, {text_choice.ITEM: bare.tables[text_choice.ITEM].drop(columns="low")})
    assert text_choice.read(odd, make_plan(JA)) is None


def test_the_projects_own_report_prefers_a_thousand_for_spanish() -> None:
    """Its file says .906 [.811, .982] at 1,000 and .986 [.966, 1.0] at 2,000, and no more than .784 below 1,000."""
    written = reader.read(reader.included(), (text_choice.ITEM,))
    assert set(written.tables) == {text_choice.ITEM}
    bound = make_plan(replace(JA, target="es"))
    resolved = replace(bound.resolved, digest=written.content["settings"]["model_digest"])
    found = text_choice.read(written, replace(bound, resolved=resolved))
    assert found is not None
    assert (found.best, found.preferred) == (2000, 1000)
