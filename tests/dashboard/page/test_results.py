"""The page Results: its rows are the results', it finds by words, and what is ticked is compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from core import access
from core.experiment.settings import Experiment
from core.packs.pack import pack
from core.pipeline.measure_table import MEASURES
from core.stats.intervals import wilson
from dashboard.page import results
from dashboard.state.session import KEY
from dashboard.work import process
from tests.helpers.browsing import Visit
from tests.helpers.pages import OpenPage, experiment_of, page_of
from tests.helpers.results import computed_setting

HERE = Experiment(target="ja", experts=2000)


def test_words_find_settings_in_any_order_and_others_grounds_can_be_left_out() -> None:
    settings = [
        computed_setting(HERE),
        computed_setting(replace(HERE, target="es", control="random")),
        computed_setting(replace(HERE, target="es", method="linear-act")),
        computed_setting(replace(HERE, corpus="flores:/data/flores")),
    ]
    assert results.matching(settings, "random SPANISH", None) == [settings[1]]
    assert results.matching(settings, "linear-act", None) == [settings[2]]
    assert results.matching(settings, "", HERE) == settings[:3]
    assert results.matching(settings, "es", HERE) == settings[1:3]


def test_what_is_ticked_stays_what_it_was_while_others_are_computed() -> None:
    first, second, third = (computed_setting(replace(HERE, strength=strength)) for strength in (0.25, 0.5, 0.75))
    listed, nothing, ticked = results.SettingList(), {"rows": [], "cells": []}, {"rows": [1], "cells": []}
    here = results.ground(HERE)
    assert listed.now(("", here), [second, first], nothing) == [second, first]
    key = listed.key
    assert listed.now(("", here), [third, second, first], ticked)[ticked["rows"][0]] == first
    assert listed.key == key
    assert listed.now(("half", here), [second], ticked) == [second]
    assert listed.key != key  # another list, of which nothing is ticked
    assert listed.now(("half", here), [third, second], nothing) == [third, second]


def test_another_setting_of_the_same_model_and_sentences_lists_the_same() -> None:
    assert results.ground(HERE) == results.ground(replace(HERE, target="es", strength=0.3))
    assert results.ground(HERE) != results.ground(replace(HERE, eval_sentences=7))


def test_a_row_says_what_is_set_and_what_was_found() -> None:
    settings = [computed_setting(HERE), computed_setting(replace(HERE, layer="11", pooling="max"), 0.2)]
    frame = results.frame(settings)
    assert frame["target_top1"].tolist() == [0.4, 0.2]
    assert frame["gain"].tolist() == pytest.approx([30, 10])
    assert frame["further"].tolist() == ["", "pooling max"]
    every = replace(HERE, select="all", expert_layers="6")
    assert results.frame([computed_setting(every)])["further"].tolist() == ["all neurons, expert layers 6"]
    low, high = wilson(frame["target_top1"].to_numpy(), 200)
    assert frame["95%"].iloc[0] == f"{100 * low[0]:.1f} to {100 * high[0]:.1f}%"
    assert set(MEASURES) < set(frame.columns)


def test_the_page_lists_what_was_computed(open_page: OpenPage, tmp_path: Path) -> None:
    asked = experiment_of(open_page("results"))
    engine = process.engine()
    found = {strength: engine.run(replace(asked, strength=strength)) for strength in (0.8125, 1.1875)}
    page = open_page("results")
    assert not page.exception
    rows = page.dataframe[0].value.set_index("strength")
    for strength, result in found.items():
        row = rows.loc[strength]
        assert row["target_top1"] == pytest.approx(result.target_top1.post)
        assert row["distance"] == pytest.approx(result.all_pairs_distance.post)
        assert row["n"] == len(result.plan.groups[0])
    page = open_page("results", **{"view.find": "strength 1.1875"})
    assert page.dataframe[0].value["strength"].tolist() == [1.1875]
    page = open_page("results", **{"view.find": "no such words"})
    assert not page.dataframe

    # What a pack has stands among it, once, with where it was computed.
    pack(engine, [replace(asked, strength=0.8125)], tmp_path / "one.pack", [])
    put = process.packs().put((tmp_path / "one.pack").read_bytes(), "one.pack")
    try:
        page = open_page("results", **{"view.of": "all"})
        assert not page.exception
        rows = page.dataframe[0].value
        of_packs = rows[(rows["from"] == f"a pack: {put.made.machine}") & (rows["strength"] == 0.8125)]
        (row,) = of_packs.to_dict("records")
        assert row["target_top1"] == pytest.approx(found[0.8125].target_top1.post)
        assert row["n"] == len(found[0.8125].plan.groups[0])
        assert str(row["computed"].date()) == put.made.date
    finally:
        (process.packs().folder / f"{put.digest}.pack").unlink()


def _ticked(titles: list[str]) -> None:
    """The page's own function, as it is called for ticked rows, without the switch that only a browser can make."""
    from dataclasses import replace

    import streamlit as st

    from core.experiment.settings import Experiment
    from dashboard.page import results
    from dashboard.state import navigation, session

    session.visitor().experiment = Experiment(target="ja", strength=0.3)
    navigation.switch = lambda path: st.text(path)  # type: ignore[assignment]
    results.compare([replace(Experiment(target=title), strength=0.5) for title in titles])


@pytest.mark.parametrize("titles", [["es"], ["es", "fr", "de"]])
def test_what_is_ticked_is_compared(titles: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboard.state import navigation

    monkeypatch.setattr(navigation, "switch", navigation.switch)  # put back afterwards
    page = page_of(_ticked, titles).run()
    assert not page.exception
    assert page.text[0].value == "compare"
    visitor = page.session_state[KEY]
    present = visitor.experiment.target
    kept = visitor.views["compare"]["with"].split("|")
    assert [present, *(part.split("target=")[1].split("&")[0] for part in kept)] == (
        ["ja", "es"] if len(titles) == 1 else titles
    )


def _seen(changes: list[dict[str, str]]) -> None:
    """Write which of some settings a visitor may see, each a change of one that is listed."""
    from dataclasses import replace

    import streamlit as st

    from core.experiment.settings import Experiment
    from dashboard.page import results
    from dashboard.state import session
    from tests.helpers.results import computed_setting

    listed = Experiment(model="Small", corpus="Greetings")
    session.visitor().experiment = replace(listed, prompt="my own words")
    for change in changes:
        st.text(str(results._may_be_seen(computed_setting(replace(listed, **change)))))


@pytest.mark.parametrize("public", [True, False])
def test_a_public_server_lists_what_it_offers_alone(public: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(access.PUBLIC, str(int(public)))
    monkeypatch.setenv(access.MODELS, "Small=/models/small")
    monkeypatch.setenv(access.CORPORA, "Greetings=table:/data/greetings.tsv")
    offered = [{}, {"model": "embedded"}, {"probe_corpus": "embedded"}, {"prompt": "my own words"}, {"strength": 0.5}]
    others = [
        {"model": "/models/small"},
        {"corpus": "table:/data/private.tsv"},
        {"probe_corpus": "table:/data/private.tsv"},
        {"prompt": "another visitor's words"},
        {"adapter": "/models/adapter"},
        {"experts_from": "/home/someone/experts.csv"},
    ]
    page = page_of(_seen, [*offered, *others]).run()
    assert not page.exception
    assert [text.value for text in page.text] == ["True"] * len(offered) + [str(not public)] * len(others)


def test_a_row_is_opened_by_its_button_and_by_nothing_else(
    visit: Visit, new_server: str, tiny_link: dict[str, str]
) -> None:
    """The keyboard selects the first cell as soon as it comes to the table: that opens nothing."""
    visitor = visit(new_server)
    for strength in ("0.75", "1.25"):
        visitor.opens(tiny_link | {"strength": strength}).sees_results(strength=strength)
    visitor.opens(tiny_link | {"strength": "1.25", "view.find": "strength 0.75"}, "results").sees_the_page()
    visitor.page.get_by_test_id("stDataFrame").locator("canvas").first.focus()
    visitor.page.keyboard.press("ArrowDown")
    visitor.sees_it_rest()
    assert urlsplit(visitor.page.url).path == "/results"
    table = visitor.page.get_by_test_id("stDataFrame").bounding_box()
    assert table is not None
    visitor.page.mouse.click(table["x"] + 75, table["y"] + 52)  # past the tick, below the headings
    visitor.sees_results("with strength 0.75", strength="0.75")
    assert urlsplit(visitor.page.url).path == "/"
