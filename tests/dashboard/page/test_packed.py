"""What a pack has is shown without its model, with a label; what needs a pass of the model says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import access
from core.analyses import grid, kept_texts
from core.analyses.texts import written
from core.errors import SettingError
from core.experiment import places
from core.experiment.settings import Experiment
from core.inference.writing import Writing
from core.packs import contents
from core.packs.pack import pack
from core.packs.pack_folder import PackFolder
from core.packs.parts import OF_CELLS, TEXTS
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.store.store import Store
from core.sweep import run
from dashboard.page import earlier
from dashboard.page import packed as packed_page
from dashboard.page_table import PAGES
from dashboard.state import kept, link
from dashboard.state.kept import KeptSetting
from dashboard.work import process
from tests.helpers.bench import LONG, until
from tests.helpers.command_line import ROOT
from tests.helpers.pages import OpenPage, experiment_of, visitor_of

NEEDS_A_PASS = ("what-if", "generate", "transfer")  # of those that show a setting


@pytest.fixture(scope="module")
def packed(tiny_link: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Result]:
    """A pack of the tiny setting, and what is in it."""
    folder = tmp_path_factory.mktemp("packed")
    experiment, problems = link.from_query(tiny_link)
    assert problems == []
    engine = Engine(Store(folder / "cache"))
    result = engine.run(experiment)
    pack(engine, [experiment], folder / "tiny.pack")
    return (folder / "tiny.pack").read_bytes(), result


@pytest.fixture
def comes_with_it(tiny_link: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AppTest]:
    """A machine with an empty cache and with a program whose opening picture is the tiny setting's."""
    for module in (contents, places):
        monkeypatch.setattr(module, "PLACES", ())  # so that the tiny model is found by its folder again
    experiment, _ = link.from_query(tiny_link)
    pack(Engine(Store(tmp_path / "elsewhere")), [experiment], tmp_path / "opening.pack", ["ranks", "movement"])
    monkeypatch.setattr(process, "OPENING", tmp_path / "opening.pack")
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(tmp_path / "fresh"))
    monkeypatch.setenv(access.UNASKED, "1")

    def arrive() -> AppTest:
        page = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=LONG)
        page.query_params.update(tiny_link)
        return page.run()

    return arrive


def test_the_opening_picture_gives_way_to_this_machines_own(comes_with_it: Callable[[], AppTest]) -> None:
    process.start.clear()
    page = comes_with_it()
    assert not page.exception
    assert "A picture that comes with the program, not from this machine: computed on " in said(page)
    assert page.metric
    job = process.jobs().find(experiment_of(page))
    assert job is not None
    assert job.background
    until(lambda: not job.active, "this machine has computed the same")
    page.run()
    assert not page.exception
    assert "not from this machine" not in said(page)
    assert "This machine computed this setting itself." in said(page)
    assert "are 0 points" in said(page)
    assert "of 20 chosen neurons, 20 are the same" in said(page)
    process.start.clear()


@pytest.fixture
def setting(packed: tuple[bytes, Result], tiny_cache: Path) -> Experiment:
    """The pack's setting, on a cache that has the pack; its model and corpus are nowhere by the names that it has."""
    packs = PackFolder(tiny_cache, opening=None)
    packs.put(packed[0], "tiny.pack")
    return packs.settings()[0]


def said(page: AppTest) -> str:
    """All that stands on the page."""
    return " ".join([*(str(html.proto.body) for html in page.get("html")), *(text.value for text in page.main.text)])


@pytest.mark.parametrize("path", [path for path in PAGES if path not in ("reproduction", "jobs")])
def test_every_page_shows_a_packs_setting_or_says_what_it_needs(
    path: str, setting: Experiment, open_page: OpenPage
) -> None:
    page = open_page(path, model=setting.model, corpus=setting.corpus)
    assert not page.exception
    assert experiment_of(page).model == setting.model
    if path in NEEDS_A_PASS:
        assert "that needs the model and its sentences on this machine" in said(page)
    elif path in ("", "layers", "retrieval", "experts", "sentences"):
        assert "From a pack, not from this machine: computed on " in said(page)
        assert "result-ready" in said(page)
    elif path == "is-it-real":
        assert "that needs the model" not in said(page)
        assert any("free rivals on these rows" in text.value for text in page.markdown)
    if path in ("layers", "retrieval", "experts", "is-it-real"):  # for when another setting is computed
        picture = visitor_of(page).part(earlier._LastPictures).by_page[path]
        assert picture.experiment == experiment_of(page)
        assert any(len(text.value) > 40 and picture.said.startswith(text.value) for text in page.markdown)


def test_a_setting_that_is_compared_with_itself_has_one_label(setting: Experiment, open_page: OpenPage) -> None:
    place = {"model": setting.model, "corpus": setting.corpus}
    here = experiment_of(open_page("compare", **place))
    page = open_page(
        "compare", **place, **{f"view.{name}": text for name, text in kept.view([KeptSetting(here)]).items()}
    )
    assert not page.exception
    assert said(page).count("From a pack, not from this machine") == 1
    assert "result-ready" in said(page)


def test_the_numbers_are_those_of_the_machine_that_packed_them(
    packed: tuple[bytes, Result], setting: Experiment, open_page: OpenPage
) -> None:
    page = open_page("", model=setting.model, corpus=setting.corpus)
    post = packed[1].target_top1.post
    assert packed_page.opens(setting, SettingError("a", "b", "c"))
    assert page.metric[0].value == (f"{100 * post:.1f}%" if post < 0.0995 else f"{100 * post:.0f}%")


def test_nothing_is_offered_to_take_along_that_a_pack_does_not_carry(setting: Experiment, open_page: OpenPage) -> None:
    page = open_page("take-along", model=setting.model, corpus=setting.corpus)
    assert "carries neither the model nor embeddings" in said(page)
    assert "not in the cache any more" not in said(page)
    assert not page.main.get("download_button")


def test_the_picker_lists_a_packs_model_by_name(setting: Experiment, open_page: OpenPage) -> None:
    page = open_page("layers")
    assert f"{setting.model}, from a pack" in page.sidebar.selectbox[0].options


def test_picking_its_model_opens_its_setting(setting: Experiment, open_page: OpenPage) -> None:
    page = open_page("layers", target="es")
    page.sidebar.selectbox[0].set_value(setting.model).run()
    assert not page.exception
    assert experiment_of(page) == setting
    assert "From a pack, not from this machine" in said(page)


@pytest.fixture(scope="module")
def cells(tiny_link: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A pack of two cells of the tiny setting: a sweep kept the measures alone, and of one something is written."""
    folder = tmp_path_factory.mktemp("cells")
    experiment, _ = link.from_query(tiny_link)
    engine, writing = Engine(Store(folder / "cache")), Writing("The dog", tokens=4)
    swept = [replace(experiment, target="es", experts=13, strength=strength) for strength in (0.3, 0.6)]
    run.sweep(engine, swept, "measures", folder / "cells.parquet")
    engine.answer(swept[0], lambda of: [written(of, writing, side) for side in (None, of.intervention())])
    pack(engine, swept, folder / "cells.pack", (*OF_CELLS, TEXTS), computes=False)
    return (folder / "cells.pack").read_bytes()


@pytest.fixture
def cell(cells: bytes, tiny_cache: Path) -> Iterator[Experiment]:
    """The first of these cells, on a cache that has this pack and neither its model nor its sentences."""
    packs = PackFolder(tiny_cache, opening=None)
    put = packs.put(cells, "cells.pack")
    yield put.settings[0]
    (packs.folder / f"{put.digest}.pack").unlink()


def opened(open_page: OpenPage, path: str, cell: Experiment, **view: str) -> AppTest:
    place = {"model": cell.model, "corpus": cell.corpus, "target": "es", "experts": "13", "strength": "0.3"}
    page = open_page(path, **place, **view)
    assert not page.exception
    assert experiment_of(page).model == cell.model
    return page


def test_what_if_shows_the_cells_of_a_pack_without_the_model(cell: Experiment, open_page: OpenPage) -> None:
    page = opened(open_page, "what-if", cell)
    assert "From a pack, not from this machine, 2 of them: computed on " in said(page)
    assert "2 of 2 settings are computed" in said(page)
    known = process.packs().find(cell, grid.cell)
    assert known is not None
    assert "Its pack has the measures alone" in said(page)
    assert "open-best" not in {button.key for button in page.main.button}
    page = opened(open_page, "what-if", cell, **{"view.strengths": "0.3, 0.5", "view.measure": "perplexity"})
    assert "More cannot be computed here: that needs the model and its sentences on this machine" in said(page)
    assert not page.main.button or all("Compute" not in button.label for button in page.main.button)


def test_results_lists_the_cells_of_a_pack(cell: Experiment, open_page: OpenPage) -> None:
    page = opened(open_page, "results", cell, **{"view.find": "13 experts"})
    rows = page.dataframe[0].value
    ((_, summary, origin), *_) = (each for each in process.packs().cells() if each[0] == cell)
    (row,) = rows[rows["strength"] == 0.3].to_dict("records")
    assert row["target_top1"] == summary.values["target_top1"].post
    assert row["best_layer"] == summary.values["best_layer"].post
    assert row["gain"] == pytest.approx(100 * summary.values["target_top1"].difference)
    assert row["from"] == f"a pack: {origin.machine}"
    assert str(row["computed"].date()) == origin.date


def test_generate_shows_the_texts_of_a_pack(cell: Experiment, open_page: OpenPage) -> None:
    page = opened(open_page, "generate", cell)
    kept = process.packs().find(cell, kept_texts.kept)
    assert kept is not None
    drawn = [html.proto.body for html in page.main.get("html") if 'data-testid="written"' in html.proto.body]
    assert len("".join(drawn).split('data-testid="written"')) == 1 + 2
    assert "From a pack, not from this machine: computed on " in said(page)
    assert "More cannot be written here: " in said(page)


def test_other_pages_say_where_the_cells_of_a_pack_are_shown(cell: Experiment, open_page: OpenPage) -> None:
    page = opened(open_page, "", cell)
    assert "Open Results or What if, which show its measures" in said(page)
    assert any("2 cells from a pack" in button.label for button in page.sidebar.button)
