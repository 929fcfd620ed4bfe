"""The What-if page: cells are core's, what is missing is computed, the view is in the link."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from core.analyses import grid
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from dashboard.charts import what_if as charts
from dashboard.page import what_if
from dashboard.work import process, sweeps
from dashboard.work.limits import Limits
from tests.helpers.bench import X, until, worker_held
from tests.helpers.pages import OpenPage, experiment_of, page_of, visitor_of


def test_cells_that_are_not_computed_are_empty_and_strength_0_stands_for_every_k() -> None:
    cells = grid.grid(X, [10, 20], [0.0, 1.0])
    known = {cells[0]: {"target_top1": 0.1}, cells[1]: {"target_top1": 0.5}}
    frame = what_if.cell_frame(cells, known, {cells[3]: "running"}, grid.measures()["target_top1"])
    values = frame.set_index(["k", "strength"])
    assert values.loc[(10, 0.0), "value"] == values.loc[(20, 0.0), "value"] == 0.1
    assert values.loc[(10, 1.0), "value"] == 0.5
    assert values.loc[(20, 1.0)].isna()["value"]
    assert values.loc[(20, 1.0), "state"] == "running"
    made = charts.surface(frame, "Top-1", True, (10, 1.0)).to_dict()
    drawn = [made["datasets"][layer["data"]["name"]] for layer in made["layer"]]
    assert [len(rows) for rows in drawn] == [1, 1, 3, 3, 1]
    assert {row["label"] for row in drawn[3]} == {"10%", "50%"}


def test_the_outline_is_explained_with_how_many_rows_a_cell_is_of() -> None:
    assert what_if.about(None) == "The orange outline is the present setting."
    assert "are of 6 evaluation rows a language" in what_if.about(6)


def test_a_row_or_a_column_can_be_filled_alone() -> None:
    here = replace(X, experts=20, strength=1.0)
    cells = grid.grid(here, [10, 20, 30], [0.0, 0.5, 1.0])
    found = what_if.regions([each for each in cells if each.strength], here)
    assert {(each.experts, each.strength) for each in found["row"][1]} == {(20, 0.5), (20, 1.0)}
    assert {(each.experts, each.strength) for each in found["column"][1]} == {(10, 1.0), (20, 1.0), (30, 1.0)}
    assert found["row"][0] == "20 neurons"
    assert what_if.regions([each for each in cells if each.experts == 20], here).keys() == {"column"}
    assert what_if.regions([], here) == {}


def test_strengths_stand_on_the_axis_as_they_are() -> None:
    cells = grid.grid(X, [1000], [0.25, 0.75])
    frame = what_if.cell_frame(
        cells, {each: {"target_top1": 0.1} for each in cells}, {}, grid.measures()["target_top1"]
    )
    axis = charts.lines(frame, "Top-1", True).to_dict()["encoding"]
    assert axis["x"]["axis"]["values"] == [0.25, 0.75]
    assert axis["x"]["axis"]["format"] == ".3~g"  # else rounded to a tenth
    assert axis["color"]["legend"]["format"] == ","


def _bounded() -> None:
    """The page's own part that says what is best, with the kind of cell that the page was drawn with."""
    import streamlit as st

    from core.analyses import grid
    from dashboard.page import what_if
    from dashboard.state import session
    from tests.helpers.bench import X

    session.visitor().sees("what-if")
    measure = grid.measures()[session.visitor().screen.get("measure", "target_top1")]
    kind = what_if._kind(measure)
    st.text(kind.__name__)
    st.fragment(what_if._best)({X: {"target_top1": 0.5, "all_top1": 0.25}}, measure, kind)


def test_a_bound_on_the_perplexity_asks_for_cells_that_have_it() -> None:
    page = page_of(_bounded).run()
    assert page.text[0].value == "CellQuestion"
    page.selectbox[0].set_value("perplexity").run()
    assert not page.exception
    assert page.text[0].value == "TextCellQuestion"
    page.number_input[0].set_value(2.125).run()
    page.selectbox[0].set_value("all_top1").run()  # "at most 2.125" is no bound on a share
    assert page.number_input[0].value == 0.5
    page.selectbox[0].set_value("perplexity").run()
    assert not page.exception
    assert page.number_input[0].value == 2.125
    assert page.query_params["view.bound-perplexity"] in ("2.125", ["2.125"])


def test_a_bound_comes_back_after_a_look_at_the_measure_that_it_is_on() -> None:
    page = page_of(_bounded).run()
    page.selectbox[0].set_value("all_top1").run()
    page.number_input[0].set_value(0.125).run()
    for measure, chosen in (("all_top1", "none"), ("target_top1", "all_top1")):
        visitor_of(page).screen["measure"] = measure
        page.run()
        assert not page.exception
        assert page.selectbox[0].value == chosen
        assert page.query_params["view.provided"] in ("all_top1", ["all_top1"])
    assert page.number_input[0].value == 0.125


def _best_of_all() -> None:
    from dataclasses import replace

    from core.analyses import grid
    from dashboard.page import what_if
    from dashboard.state import session
    from tests.helpers.bench import X

    session.visitor().sees("what-if")
    measure = grid.measures()["target_top1"]
    what_if._best({replace(X, select="all", strength=0.5): {"target_top1": 0.25}}, measure, what_if._kind(measure))


def test_where_k_says_nothing_the_grid_has_one_row_and_no_number_of_neurons_is_named(open_page: OpenPage) -> None:
    page = open_page("what-if", select="all", **{"view.counts": "10, 20", "view.strengths": "0.45, 0.85"})
    assert not page.exception
    assert page.button(key="start-sweep").label == "Compute 2 settings"
    assert [field.label for field in page.main.text_input] == ["Strengths"]
    (spec,) = (json.loads(chart.proto.spec) for chart in page.get("vega_lite_chart"))
    assert {layer["encoding"]["y"]["axis"] for layer in spec["layer"]} == {None}
    best = page_of(_best_of_all).run()
    assert not best.exception
    assert "**Strength 0.5**: 25%, of 1 setting." in [text.value for text in best.markdown]
    of_all = grid.grid(replace(X, select="all"), [10, 20], [0.5, 1.0])
    cells = what_if.cell_frame(of_all, {}, {}, grid.measures()["target_top1"])
    assert len(cells) == 2
    legend = charts.lines(cells, "Top-1", True, k_counts=False).to_dict()["encoding"]["color"]["legend"]
    assert legend is None


def test_an_axis_has_what_fits_with_the_setting_and_packs_before_the_usual_numbers() -> None:
    assert what_if.usual(20, {10, 30}, (1, 20, 2)) == [1, 2, 10, 20, 30]
    of_packs = {float(k) for k in range(100, 140)}
    axis = what_if.usual(7, of_packs, (1, 2))
    assert len(axis) == what_if._MOST
    assert {7, 100, 139} < set(axis) <= {7, *of_packs}
    eleven = set(range(100, 111))
    assert what_if.usual(100, eleven, (1, 2, 3)) == [1, *sorted(eleven)]
    assert what_if.usual(7, range(100, 200), ())[0] == 7


def _usual() -> None:
    import streamlit as st

    from dashboard.page import what_if

    experts = int(st.number_input("Experts", value=20))
    st.text(what_if._numbers("Expert neurons", "counts", [10, experts], 1, 10_000_000))


def test_the_usual_numbers_follow_the_setting() -> None:
    page = page_of(_usual).run()
    assert page.text_input[0].value == "10, 20"
    page.number_input[0].set_value(33).run()
    assert page.text_input[0].value == "10, 33"
    page.number_input[0].set_value(1_234_567).run()
    assert page.text[0].value == "[10.0, 1234567.0]", "to the last digit"
    page.text_input[0].set_value("1, 2").run()
    page.number_input[0].set_value(34).run()
    assert page.text_input[0].value == "1, 2", "what the visitor wrote stays"


def test_the_page_computes_what_is_missing(open_page: OpenPage) -> None:
    page = open_page("what-if", **{"view.counts": "10, 20", "view.strengths": "0, 1", "view.measure": "all_top1"})
    assert not page.exception
    page.button(key="start-sweep").click().run()
    until(lambda: not {"start-sweep", "stop-sweep"} & {b.key for b in page.run().button}, "all are computed")
    assert not page.exception
    asked = experiment_of(page)
    engine = process.engine()
    known = {each: engine.answer_known(each, grid.cell) for each in grid.grid(asked, [10, 20], [0.0, 1.0])}
    assert all(value is not None for value in known.values())
    found = grid.best(known, "all_top1", {})
    assert found is not None
    said = " ".join(text.value for text in page.markdown)
    assert f"**{found.experts:,} neurons at strength {found.strength:g}**" in said


def test_what_is_asked_for_is_one_job_whose_progress_is_shown_and_that_stops(open_page: OpenPage) -> None:
    page = open_page("what-if", **{"view.counts": "11, 21", "view.strengths": "0.3, 0.6"})
    with worker_held(process.jobs()):
        assert page.button(key="start-sweep").label == "Compute 4 settings"
        page.button(key="start-sweep").click().run()
        assert not page.exception
        assert [bar.proto.text for bar in page.get("progress")] == ["4 to go: waiting"]
        job = process.jobs().all()[-1]
        assert (job.title, job.size, job.background) == ("4 settings of What if (ja)", 4, True)
        assert "start-sweep" not in {button.key for button in page.button}
        page.button(key="stop-sweep").click().run()
        assert not page.exception
        assert job.state == "stopped"
        assert page.button(key="start-sweep").label == "Compute 4 settings"


def test_the_largest_grid_is_taken_as_it_is_and_then_with_a_bound() -> None:
    assert Limits().of_visitor >= 2 * what_if._MOST**2


def test_what_is_missing_is_weighed_once_until_a_job_has_ended(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighed = []
    cost = sweeps.cost

    def noted(engine: Engine, cells: Sequence[Experiment], kind: sweeps.Kind) -> sweeps.Cost:
        weighed.append(tuple(cells))
        return cost(engine, cells, kind)

    monkeypatch.setattr(sweeps, "cost", noted)
    with worker_held(process.jobs()):
        page = open_page("what-if", **{"view.counts": "12, 22", "view.strengths": "0.35, 0.65"})
        page.run()
        assert [len(cells) for cells in weighed] == [4]
        page.text_input(key=next(each.key for each in page.text_input if each.label == "Strengths")).set_value("0.35")
        page.run()
        assert [len(cells) for cells in weighed] == [4, 2]
    assert not page.exception


@pytest.mark.parametrize(("text", "said"), [("10, many", "many cannot be used"), ("0.5", "0.5 cannot be used")])
def test_numbers_that_cannot_be_used_are_said(open_page: OpenPage, text: str, said: str) -> None:
    page = open_page("what-if", **{"view.counts": text})
    assert not page.exception
    assert said in " ".join(str(each.proto.body) for each in page.get("html"))
