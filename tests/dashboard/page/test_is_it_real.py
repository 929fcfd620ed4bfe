"""The page Is it real?: what is named, what the bars say, and the page on a tiny model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from core.analyses import rival_spaces
from core.analyses.rival_spaces import POST, PRE, RivalSpaces
from core.analyses.rival_verdict import against_all, best, verdict
from core.charts import palette
from core.spaces.rivals import RIVALS
from core.spaces.space_measures import SPACE_MEASURES
from dashboard.charts import is_it_real as charts
from dashboard.page import is_it_real
from dashboard.work import process
from tests.helpers.bench import until
from tests.helpers.pages import OpenPage, experiment_of

_N_PANELS = len(is_it_real.panels())


def opened(open_page: OpenPage, n_charts: int = 1 + _N_PANELS, **changes: str) -> AppTest:
    page = open_page("is-it-real", **changes)
    wait(page, n_charts)
    return page


def wait(page: AppTest, n_charts: int) -> None:
    """Run the page again until it draws so many charts."""
    for _ in range(8):
        if len(page.get("vega_lite_chart")) == n_charts:
            break
        until(lambda: not any(job.active for job in process.jobs().all()), "what was asked is there")
        page.run()
    assert not page.exception
    assert len(page.get("vega_lite_chart")) == n_charts


def measured(page: AppTest) -> RivalSpaces:
    """What the library says of the page's setting, from the store."""
    spaces = process.engine().answer_known(experiment_of(page), rival_spaces.compare)
    assert spaces is not None
    return spaces


def test_the_verdict_and_the_bars_are_the_librarys(open_page: OpenPage) -> None:
    page = opened(open_page)
    assert page.title[0].value == "Is it more than what is free?"
    spaces = measured(page)
    assert verdict(spaces) in [text.value for text in page.markdown]
    against = against_all(spaces)
    rows = is_it_real.rival_frame(spaces, against, None, at_best=True, space=PRE)
    assert set(rows["kind"]) == set(palette.RIVALS) - {palette.CONTROL, palette.ON_TOP}
    assert rows["value"].is_monotonic_decreasing
    free = rows[rows["kind"].isin([palette.NEEDS_NOTHING, palette.NEEDS_LANGUAGE])]
    top = best(spaces)
    assert top is not None
    at_best = max(s.measured.value("top1", "ja").value for s in spaces.spaces if s.is_free and s.chosen)
    assert free["value"].max() == at_best
    in_class = set(rows.loc[rows["kind"] == palette.NEEDS_NOTHING, "name"].str.partition(",")[0])
    assert in_class >= {rival.title for rival in RIVALS.values() if rival.in_class}
    minus = {row.space.rival.name: row for row in against if row.space.space == PRE and row.space.chosen}
    for _, row in rows[rows["kind"] == palette.TRANSLATED].iterrows():
        name = next(rival.name for rival in RIVALS.values() if row["name"].startswith(rival.title))
        assert row["difference"] == -minus[name].difference.value
        assert row["p"] == minus[name].p


def test_only_colours_that_are_drawn_are_explained() -> None:
    free = is_it_real.colours_explained({palette.NEEDS_NOTHING, palette.TRANSLATED, palette.BEFORE})
    assert free == "Orange rivals need nothing; those from translations learn from pairs of sentences."
    assert "unmodified model" in is_it_real._best_of(POST)
    assert is_it_real._best_of(PRE) == ""
    on_top = is_it_real.colours_explained({palette.INTERVENTION, palette.ON_TOP})
    assert on_top.startswith("Light blue rivals")
    assert "range" not in on_top
    assert is_it_real.colours_explained({palette.BEFORE}) == ""


def test_a_measure_that_is_added_has_a_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    before = is_it_real.panels()
    monkeypatch.setitem(SPACE_MEASURES, "added", SPACE_MEASURES["mexa"])
    assert is_it_real.panels() == (*before, "added")


def test_rivals_on_top_of_the_intervention_and_at_the_layer_as_set(open_page: OpenPage) -> None:
    page = opened(open_page, **{"view.layers": "set", "view.of": POST})
    spaces = measured(page)
    rows = is_it_real.rival_frame(spaces, against_all(spaces), None, at_best=False, space=POST)
    assert set(rows["kind"]) == {palette.INTERVENTION, palette.BEFORE, palette.ON_TOP}
    assert all(name.endswith(f"layer {spaces.plan.layer}") for name in rows["name"])
    assert len(rows) == 2 + len(RIVALS)


def test_the_random_control_joins_once_it_is_known_and_maps_are_drawn_when_asked(open_page: OpenPage) -> None:
    page = opened(open_page, seed="77")
    (add,) = [button for button in page.button if button.label.startswith("Add the random control")]
    add.click().run()
    until(lambda: not any(job.active for job in process.jobs().all()), "the control is there")
    page.run()
    wait(page, 1 + _N_PANELS)
    assert not [button for button in page.button if button.label.startswith("Add the random control")]
    spaces = measured(page)
    control = process.engine().answer_known(replace(experiment_of(page), control="random"), rival_spaces.as_they_are)
    assert control is not None
    shown = is_it_real.shown_spaces(spaces, control)
    assert list(shown) == list(charts.SPACES)
    for name in SPACE_MEASURES:
        rows = is_it_real.panel_frame(shown, name)
        assert rows["space"].tolist() == list(charts.SPACES)
        assert rows["value"].notna().all()
    (maps,) = [toggle for toggle in page.main.toggle if toggle.label == "Show maps"]
    maps.set_value(True).run()
    wait(page, 3 + _N_PANELS)
    assert page.query_params["view.maps"] == "1"
    (offered,) = [box for box in page.main.selectbox if box.label == "Rival"]
    assert offered.options == [rival.title for name, rival in RIVALS.items() if name in spaces.by_rival(PRE)]


def test_at_strength_0_the_intervention_is_the_space_before(open_page: OpenPage) -> None:
    page = opened(open_page, strength="0")
    spaces = measured(page)
    rows = is_it_real.rival_frame(spaces, against_all(spaces), None, at_best=True, space=PRE)
    same = rows.set_index("kind")
    assert same.loc[palette.INTERVENTION, "value"] == same.loc[palette.BEFORE, "value"]
    assert same.loc[palette.BEFORE, "p"] == 1
