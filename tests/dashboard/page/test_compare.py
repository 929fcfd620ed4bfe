"""The Compare page: both settings' numbers are their results', and what cannot be compared is said."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest
from streamlit.testing.v1 import AppTest

from core.analyses import paired_settings
from core.experiment.settings import Experiment
from core.experiment.title import in_words
from core.location import default_cache
from core.pipeline import joint_map
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.pipeline.run import Run
from core.stats.units import SHARE
from core.store.store import Store
from core.sweep import run as sweep
from dashboard.page import compare
from dashboard.state import kept as kept_settings
from dashboard.state import link, navigation
from dashboard.state.kept import KeptSetting
from dashboard.work import process
from tests.helpers.bench import until, worker_held
from tests.helpers.pages import OpenPage, experiment_of, page_of
from tests.helpers.results import N_EVAL, make_result

A = Experiment(model="made", corpus="made", experts=20)


def test_only_what_differs_is_listed() -> None:
    a, b = make_result(A), make_result(replace(A, strength=0.5, experts=30))
    rows = compare.differences(a, b).set_index("setting")
    assert rows.index.tolist() == ["experts", "strength"]
    assert rows.loc["strength"].tolist() == ["1", "0.5"]
    assert compare.differences(a, a).empty
    lower = replace(b, experts=replace(b.experts, scores=b.experts.scores - 0.2))
    said = compare.experts_shared(a, lower)
    assert "share 20 experts (100% of the smaller set)" in said
    assert said.endswith("All experts of A score 0.900 (AUROC) on average, those of B 0.700 (AUROC).")


def test_experts_of_the_same_weights_are_held_against_each_other_in_any_precision() -> None:
    a = make_result(A)

    def of(**changes: str) -> Result:
        return replace(a, plan=replace(a.plan, resolved=replace(a.plan.resolved, **changes)))

    assert "share 20 experts" in compare.experts_shared(a, of(dtype="bfloat16", device="cuda"))
    assert "The models differ" in compare.experts_shared(a, of(digest="1" * 64))


def test_measures_are_the_results() -> None:
    a, b = make_result(A, top1=(0.1, 0.4)), make_result(A, top1=(0.1, 0.7))
    rows = paired_settings.compare(a, b, None, None)
    frame = compare.measure_frame(a, b, rows).set_index("measure")
    top1 = frame.loc["Top-1 from the target"]
    assert top1.iloc[:5].tolist() == pytest.approx([0.1, 0.4, 0.1, 0.7, -0.3])
    assert top1["better"] == ""  # without sentences nothing is said
    assert frame.loc["Distance, all pairs", "B after"] == pytest.approx(b.all_pairs_distance.post)
    assert frame.loc["Experts", "A after"] == 20
    shown = compare.text_frame(rows).set_index("measure").loc["Top-1 from the target"]
    assert shown[["A", "B", "A - B", "95%"]].tolist() == ["40%", "70%", "-30.0 points", ""]


def test_what_cannot_be_compared_is_said() -> None:
    a = make_result(A)
    assert compare.warnings(a, a) == []
    fewer = make_result(A, languages=("en", "ja"))
    assert any("languages differ" in text for text in compare.warnings(a, fewer))
    other = make_result(replace(A, target="en"))
    assert any("targets differ" in text for text in compare.warnings(a, other))
    assert set(compare.bar_frame(a, fewer)["name"]) == {"English"}


def test_a_kept_setting_stands_beside_the_present_one(open_page: OpenPage) -> None:
    own = {"experts": "21"}
    page = open_page("compare", **own)
    assert not page.exception
    assert not page.dataframe
    next(button for button in page.button if button.label == "Keep this setting").click().run()
    kept: Experiment = experiment_of(page)
    said = page.query_params["view.with"]
    assert (said if isinstance(said, str) else said[0]) == urlencode(link.to_query(kept))

    page = open_page("compare", strength="0.55", **own, **{"view.with": urlencode(link.to_query(kept))})
    engine = process.engine()
    both = replace(kept, strength=0.55), kept
    until(
        lambda: page.run().dataframe and all(engine.known(each) is not None for each in both), "both results are there"
    )
    assert not page.run().exception
    a, b = map(engine.known, both)
    assert a is not None
    assert b is not None
    measures = page.dataframe[1].value.set_index("measure")
    top1 = measures.loc["Top-1, all pairs"]
    assert top1[["A", "B"]].tolist() == [SHARE.text(a.all_top1.post), SHARE.text(b.all_top1.post)]
    assert " to " in top1["95%"]
    assert page.dataframe[0].value["setting"].tolist() == ["strength"]


def test_figures_that_are_known_before_their_map_do_not_withdraw_it(open_page: OpenPage) -> None:
    """A setting's figures are stored minutes before its map is drawn; the page waits for both."""
    first = experiment_of(open_page("compare"))
    settings = [replace(first, strength=strength) for strength in (0.35, 0.45)]
    engine = process.engine()
    for setting in settings:
        assert engine.answer(setting, Run.figures).maps == ()
    beside = {"strength": "0.35", "view.with": urlencode(link.to_query(settings[1]))}
    with worker_held(process.jobs()):
        process.jobs().submit("somebody else", settings[0])
        assert not open_page("compare", **beside).dataframe
    until(lambda: engine.known(settings[0]) is not None, "the map is drawn")
    assert engine.known(settings[1]) is None  # nobody asked for that one's map yet
    page = open_page("compare", **beside)
    until(lambda: page.run().dataframe, "the settings are compared")
    assert engine.known(settings[1]) is not None
    assert "The measures alone are known" not in said(page)


def _two_maps() -> None:
    from dashboard.page import compare
    from tests.helpers.results import make_result

    compare._maps(make_result(), make_result(languages=("en", "ja")), {"A": "one", "B": "other"})


def test_each_map_says_how_many_sentences_it_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint_map, "MOST_OF_A_SPACE", 2 * N_EVAL)
    page = page_of(_two_maps).run()
    assert not page.exception
    first, second = ([str(html.proto.body) for html in column.get("html")] for column in page.columns)
    assert any("8 of 20 sentences are drawn." in text for text in first)
    assert not any("are drawn" in text for text in second), "it draws all of its 10"


def test_suggestions_differ_from_what_is_shown_in_one_thing() -> None:
    here = Experiment(experts=2000, strength=1.0)
    for title, other in compare.suggestions(here).items():
        names = [field.name for field in fields(Experiment)]
        assert sum(getattr(here, name) != getattr(other, name) for name in names) == 1, title
    assert compare.suggestions(replace(here, strength=0.0)) == {"the intervention": here}
    usual = compare.suggestions(here).keys()
    for without_k in ({"select": "all"}, {"experts_from": "0:down_proj:3"}):
        offered = compare.suggestions(replace(here, **without_k)).keys()
        assert usual - offered == {"a quarter of the neurons"}


def test_settings_are_kept_named_chosen_and_removed(open_page: OpenPage) -> None:
    """More than one is kept; each goes into the link with its name, and out of it again."""
    here = experiment_of(open_page("compare"))
    kept = [KeptSetting(replace(here, strength=0.5), "half | of it"), KeptSetting(replace(here, strength=0.25))]
    link_to_both = {f"view.{name}": value for name, value in kept_settings.view(kept, chosen=1).items()}
    page = open_page("compare", **link_to_both)
    until(lambda: len(page.run().dataframe) > 2, "the results are there")
    assert not page.exception
    assert page.dataframe[0].value["B"].tolist() == ["0.25"]
    assert page.dataframe[2].value["setting"].tolist() == ["A (the present setting)", "half | of it", kept[1].title]
    (choice,) = (box for box in page.selectbox if box.label == "B")
    assert choice.options == ["half | of it", kept[1].title]
    (name,) = (field for field in page.text_input if field.label == kept[1].title)
    name.set_value("a quarter").run()
    assert [one.title for one in read_from(page)] == ["half | of it", "a quarter"]
    next(button for button in page.button if button.label == "Remove").click().run()
    assert [(one.title, one.experiment.strength) for one in read_from(page)] == [("a quarter", 0.25)]
    next(button for button in page.button if button.label == "Remove").click().run()
    assert read_from(page) == []


def test_a_swap_and_a_swap_back_keep_both_names(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    links: list[dict[str, str]] = []  # only a browser can follow them itself
    monkeypatch.setattr(navigation, "switch", lambda _: links.append(navigation.query()))
    here = experiment_of(open_page("compare"))
    kept = [KeptSetting(replace(here, strength=0.5), "half"), KeptSetting(replace(here, strength=0.25), "quarter")]
    begin = link.to_query(here) | {f"view.{name}": value for name, value in kept_settings.view(kept).items() if value}
    follows = begin
    for name, others in (("half", ["", "quarter"]), ("", ["half", "quarter"])):
        page = open_page("compare", **follows)
        next(button for button in page.button if button.label == "Swap the two").click().run()
        assert not page.exception
        follows = links[-1]
        page = open_page("compare", **follows)
        until(lambda page=page: len(page.run().dataframe) > 2, "the results are there")
        assert [one.name for one in read_from(page)] == others
        a = name or in_words(here)
        assert any(text.value.startswith(f"A: {a}\nB: ") for text in page.text)
    assert follows == begin
    page = open_page("compare", **links[0])
    next(button for button in page.button if button.label == "Keep this setting").click().run()
    assert [one.name for one in read_from(page)] == ["", "quarter", "half"]


def test_another_setting_stays_chosen_where_one_is_removed_or_kept(open_page: OpenPage) -> None:
    """What B is goes by the setting, not by its place in the list: also for the list that the visitor sees."""
    here = experiment_of(open_page("compare"))
    kept = [KeptSetting(replace(here, strength=strength)) for strength in (0.5, 0.25, 0.75)]
    view = {f"view.{name}": value for name, value in kept_settings.view(kept, chosen=1).items()}
    page = open_page("compare", **view)
    (b,) = (box for box in page.selectbox if box.label == "B")
    assert b.value == "1"
    next(button for button in page.button if button.label == "Remove").click().run()
    assert not page.exception
    (b,) = (box for box in page.selectbox if box.label == "B")
    assert read_from(page)[int(b.value)] == kept[1]
    assert page.query_params.get("view.at", "0") == "0"
    page.run()  # drawn again, it stays
    assert page.query_params.get("view.at", "0") == "0"
    next(button for button in page.button if button.label == "Keep this setting").click().run()
    (b,) = (box for box in page.selectbox if box.label == "B")
    assert [one.experiment for one in read_from(page)] == [kept[1].experiment, kept[2].experiment, here]
    assert read_from(page)[int(b.value)].experiment == here
    assert page.run().query_params["view.at"] in ("2", ["2"])


def read_from(page: AppTest) -> list[KeptSetting]:
    """What the link of a page keeps."""
    said = page.query_params.get("view.with", "")
    text = said if isinstance(said, str) else said[0]
    queries = [dict(parse_qsl(part)) for part in text.split("|") if part]
    return [KeptSetting(link.from_query(query)[0], name) for query in queries for name in [query.pop("kept", "")]]


def test_measures_that_a_sweep_kept_are_enough(open_page: OpenPage, tmp_path: Path) -> None:
    """Without embeddings Compare, Results and What if show the cells at once, with intervals; Jobs shows the sweep."""
    here = experiment_of(open_page("compare"))
    engine = Engine(Store(default_cache()))
    cells = [replace(here, strength=strength) for strength in (0.55, 0.65)]  # that no other test asks for
    sweep.sweep(engine, cells, "measures", tmp_path / "cells.parquet", title="two cells")
    assert [engine.known(cell) for cell in cells] == [None, None]

    kept = {f"view.{name}": value for name, value in kept_settings.view([KeptSetting(cells[1])], chosen=0).items()}
    page = open_page("compare", strength="0.55", **kept)
    assert not page.exception
    top1 = page.dataframe[1].value.set_index("measure").loc["Top-1, all pairs"]
    assert " to " in top1["95%"]
    assert "The measures alone are known" in said(page)
    page = open_page("results", strength="0.55")
    assert {0.55, 0.65} <= set(page.dataframe[0].value["strength"])
    page = open_page("what-if", strength="0.55", **{"view.counts": str(here.experts), "view.strengths": "0.55, 0.65"})
    assert "2 of 2 settings are computed" in said(page)
    assert not process.jobs().all()
    page = open_page("jobs")
    assert not page.exception
    (ended,) = (table.value for table in page.dataframe if "table in" in table.value)
    assert ended[["what", "how", "cells"]].to_numpy().tolist() == [["two cells", "finished", "2 of 2 cells"]]


def said(page: AppTest) -> str:
    return " ".join(str(html.proto.body) for html in page.get("html"))
