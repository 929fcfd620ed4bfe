"""The view of the map in the link, and one choice of sentences that every page follows."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.analyses import paired_settings, rival_spaces, translation_ranks
from core.pipeline.result import Result
from core.stats.units import SHARE
from dashboard.page import map_view
from dashboard.sentence_map import MapView
from dashboard.state import kept as kept_settings
from dashboard.state import session
from dashboard.state.kept import KeptSetting
from dashboard.state.session import Visitor
from dashboard.work import process
from dashboard.work.questions import RivalsQuestion
from tests.helpers.bench import until
from tests.helpers.pages import OpenPage, experiment_of, kept_beside
from tests.helpers.results import make_result
from tests.helpers.tiny import write_pairs


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> Visitor:
    here = Visitor()
    monkeypatch.setattr(session, "visitor", lambda: here)
    monkeypatch.setattr(session, "write_link", lambda *_: None)
    monkeypatch.setattr(map_view, "known", lambda *_: None)
    return here


def table_of(result: Result) -> tuple[pd.DataFrame, dict[float, np.ndarray]]:
    return map_view.points_of(result, None, None)


@pytest.mark.parametrize(
    "view",
    [
        MapView(),
        MapView("family", "two words", ("Romance", "Slavic"), 7, (1, (-1.0, -1.0, 1.0, 0.5), None)),
        MapView(brush=(0, (-1.0, -1.0, 1.0, 0.5), 0.25), window=(0.0, 0.5, 1.25, 2.0)),
        MapView(strength=0.3725),
        MapView(strength=0.0),
    ],
)
def test_a_view_comes_back_from_the_link(visitor: Visitor, view: MapView) -> None:
    table, _ = table_of(make_result())
    map_view.to_link(view, table)
    assert set(visitor.selection) <= {"brush", "find", "shown", "colour", "sentence", "window", "strength"}
    assert map_view.from_link(table) == view


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4", "a,b,c,d,after", "1,2,3,inf,after", "1,2,3,4,nan", "after"])
def test_a_brush_that_is_none_is_left_out(visitor: Visitor, text: str) -> None:
    visitor.selection["brush"] = text
    assert map_view.from_link(table_of(make_result())[0]).brush is None


def test_a_map_of_other_sentences_is_another_map() -> None:
    plan = make_result().plan
    fewer = replace(plan, groups=tuple(group.select(first=3) for group in plan.groups))
    without = replace(plan, groups=tuple(group.select(("en", "ja")) for group in plan.groups))
    assert len({map_view.rows_key(one) for one in (plan, fewer, without)}) == 3
    stronger = replace(plan, experiment=replace(plan.experiment, strength=0.5))
    assert map_view.rows_key(stronger) == map_view.rows_key(plan)


def test_a_brush_means_the_same_in_every_layout() -> None:
    box = (0.0, 0.0, 1.0, 1.0)

    def brush(given: tuple[int, tuple[float, ...], float | None], layout: str) -> object:
        return map_view.in_layout(MapView(brush=given), layout, 2.0).brush

    assert brush((1, box, None), "motion") == (0, box, 2.0)
    for layout in ("pair", "together"):
        assert brush((1, box, None), layout) == (1, box, None)
        assert brush((0, box, 2.0), layout) == (1, box, None)
        assert brush((0, box, 0.0), layout) == (0, box, None)
        assert brush((0, box, 0.5), layout) is None  # neither map is of that strength


def test_chosen_are_the_sentences_that_lie_in_the_brush(visitor: Visitor) -> None:
    result = make_result()
    assert map_view.chosen(result) is None
    visitor.selection["brush"] = "-0.5,-0.5,1,1,after"
    after = result.maps[0][1]
    inside = ((after > -0.5) & (after < 1)).all(axis=2)
    assert inside.any()
    found = map_view.chosen(result)
    assert found is not None
    for code, rows in zip(result.plan.groups[0].languages, inside, strict=True):
        assert found.groups[0][code].tolist() == rows.tolist()
    assert map_view.in_words(found, result).startswith(f"**{inside.sum()} of 20 sentences** are chosen on the map (")
    visitor.selection["brush"] = "50,50,51,51,after"
    assert map_view.chosen(result) is None


def test_every_page_follows_what_is_chosen(open_page: OpenPage) -> None:
    """The English sentences that hold a letter: their number, and each page's figures of them alone."""
    here = {"map.shown": "en", "map.find": "v"}
    page = open_page("retrieval", **here)
    until(lambda: len(page.run().dataframe) > 0, "the result is there")
    asked, engine = experiment_of(page), process.engine()
    result = engine.known(asked)
    assert result is not None
    (group,) = result.plan.groups
    rows = np.array(["v" in text.lower() for text in group.texts["en"]])
    assert 0 < rows.sum() < len(group)
    says = f"**{rows.sum()} of {len(group) * len(group.languages)} sentences** are chosen on the map (English"

    def told(shown: AppTest) -> bool:
        assert not shown.exception
        return any(text.value.startswith(says) for text in shown.markdown)

    assert told(page)
    pre, post = engine.answer(asked, translation_ranks.both)
    hits = [(side.of("en")[rows] == 1).mean() for side in (post, pre)]
    free = page.dataframe[0].value.set_index("how")
    assert [free.loc[how, "top-1"] for how in ("after, cosine", "before, cosine")] == pytest.approx(hits)

    page = open_page("sentences", **here, **{"view.query": "en"})
    assert told(page)
    (sentence,) = (box for box in page.selectbox if box.label == "Sentence")
    assert [int(title.split(".")[0]) - 1 for title in sentence.options] == np.flatnonzero(rows).tolist()
    page = open_page("sentences", **here, **{"view.candidate": "en"})
    fixed = int(((pre.of("en") > 1) & (post.of("en") == 1) & rows).sum())
    assert f"Fixed by the intervention: {fixed} of {rows.sum()}" in [title.value for title in page.header]

    page = open_page("layers", **here)
    assert told(page)
    assert any(f"Mean top-1 over {rows.sum()} chosen pairs" in part.body for part in page.get("html"))

    page = open_page("is-it-real", **here)
    until(lambda: len(page.run().get("vega_lite_chart")) > 1, "the rivals are measured")
    assert told(page)
    assert any(f"n = {rows.sum()};" in part.body for part in page.get("html"))

    kept = {f"view.{name}": value for name, value in kept_settings.view([KeptSetting(asked)]).items()}
    page = open_page("compare", **here, **kept, strength="0.5")
    until(lambda: page.run().dataframe, "both results are there")
    assert told(page)
    values = engine.answer(asked, paired_settings.sentence_values)["target_top1"][0][1]
    measures = page.dataframe[1].value.set_index("measure")
    assert measures.loc["Top-1 from the target", "B"] == SHARE.text(values[rows].mean())

    next(button for button in page.button if button.label == "All sentences").click().run()
    assert not told(page)
    assert not any(name.startswith("map.") for name in page.query_params)


def rested(page: AppTest) -> AppTest:
    """A page once it has all that it waits for."""

    def rests() -> bool:
        assert not page.run().exception
        ready = any("result-ready" in part.body for part in page.get("html"))
        return ready and not any("Computing" in text.value for text in page.markdown)

    until(rests, "the page waits for nothing")
    return page


def test_where_no_chosen_sentence_stands_beside_the_target_every_page_says_so_and_shows_all(
    open_page: OpenPage, tiny_link: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spanish sentences of a corpus of pairs, of which German, the target, has rows of its own."""
    one_rival = partial(rival_spaces.compare, rivals=("own-means",))  # as good as all
    monkeypatch.setattr(RivalsQuestion, "question", staticmethod(one_rival))
    here = {"corpus": write_pairs(tmp_path / "pairs"), "probe_corpus": tiny_link["corpus"], "target": "de"}
    kept = kept_beside(tiny_link | here, 0.5)
    views: dict[str, dict[str, str]] = {"retrieval": {}, "layers": {}, "is-it-real": {}, "compare": kept}
    choices: tuple[dict[str, str], ...] = ({}, {"map.shown": "es"})
    says = "No sentence that is chosen on the map stands beside one in German: **all are shown**."
    for path, view in views.items():
        shown: list[tuple[list[str], list[str]]] = []
        for chosen in choices:
            page = rested(open_page(path, **here, **view, **chosen))
            texts = [text.value for text in page.markdown]
            assert (says in texts) == bool(chosen), path
            tables = [table.value.to_csv() for table in page.dataframe]
            shown.append(([text for text in texts if text != says], tables))
        assert shown[0] == shown[1], path
