"""The Compare page: both settings' numbers are their results', and what cannot be compared is said."""

from __future__ import annotations

from dataclasses import fields, replace
from urllib.parse import urlencode

import pytest

from core.experiment.settings import Experiment
from dashboard.page import compare
from dashboard.state import link
from dashboard.work import process
from tests.helpers.bench import until
from tests.helpers.pages import OpenPage, experiment_of
from tests.helpers.results import make_result

A = Experiment(model="made", corpus="made", experts=20)


def test_only_what_differs_is_listed() -> None:
    a, b = make_result(A), make_result(replace(A, strength=0.5, experts=30))
    rows = compare.differences(a, b).set_index("setting")
    assert rows.index.tolist() == ["experts", "strength"]
    assert rows.loc["strength"].tolist() == ["1.0", "0.5"]
    assert compare.differences(a, a).empty
    assert "share 20 experts (100% of the smaller set)" in compare.experts_shared(a, b)


def test_measures_are_the_results() -> None:
    a, b = make_result(A, top1=(0.1, 0.4)), make_result(A, top1=(0.1, 0.7))
    rows = compare.measure_frame(a, b).set_index("measure")
    assert rows.loc["Top-1 from the target"].tolist() == pytest.approx([0.1, 0.4, 0.1, 0.7, -0.3])
    assert rows.loc["Distance, all pairs", "B after"] == pytest.approx(b.all_pairs_distance.post)
    assert rows.loc["Experts", "A after"] == 20


def test_what_cannot_be_compared_is_said() -> None:
    a = make_result(A)
    assert compare.warnings(a, a) == []
    fewer = make_result(A, languages=("en", "ja"))
    assert any("languages differ" in text for text in compare.warnings(a, fewer))
    other = make_result(replace(A, target="en"))
    assert any("targets differ" in text for text in compare.warnings(a, other))
    assert set(compare.bar_frame(a, fewer)["name"]) == {"English"}


def test_a_kept_setting_stands_beside_the_present_one(open_page: OpenPage) -> None:
    page = open_page("compare")
    assert not page.exception
    assert not page.dataframe
    next(button for button in page.button if button.label == "Keep this setting").click().run()
    kept: Experiment = experiment_of(page)
    said = page.query_params["view.with"]
    assert (said if isinstance(said, str) else said[0]) == urlencode(link.to_query(kept))

    page = open_page("compare", strength="0.5", **{"view.with": urlencode(link.to_query(kept))})
    until(lambda: page.run().dataframe, "both results are there")
    assert not page.exception
    engine = process.engine()
    a, b = engine.known(replace(kept, strength=0.5)), engine.known(kept)
    assert a is not None
    assert b is not None
    measures = page.dataframe[1].value.set_index("measure")
    assert measures.loc["Top-1, all pairs", "A after"] == pytest.approx(a.all_top1.post, abs=1e-4)
    assert measures.loc["Top-1, all pairs", "B after"] == pytest.approx(b.all_top1.post, abs=1e-4)
    assert page.dataframe[0].value["setting"].tolist() == ["strength"]


def test_suggestions_differ_from_what_is_shown_in_one_thing() -> None:
    here = Experiment(experts=2000, strength=1.0)
    for title, other in compare.suggestions(here).items():
        names = [field.name for field in fields(Experiment)]
        assert sum(getattr(here, name) != getattr(other, name) for name in names) == 1, title
    assert "no intervention" not in compare.suggestions(replace(here, strength=0.0))
