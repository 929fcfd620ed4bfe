"""What a pack has is shown without its model, with a label; what needs a pass of the model says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.experiment.settings import Experiment
from core.packs import contents
from core.packs.pack import pack
from core.packs.pack_folder import PackFolder
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.store.store import Store
from dashboard.page_table import PAGES
from dashboard.state import kept, link
from dashboard.state.kept import Kept
from dashboard.work import process
from tests.helpers.bench import LONG, until
from tests.helpers.command_line import ROOT
from tests.helpers.pages import OpenPage, experiment_of

NEEDS_A_PASS = ("what-if", "generate", "transfer", "is-it-real")  # of those that show a setting


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
    monkeypatch.setattr(contents, "_PLACES", ())  # so that the tiny model is found by its folder again
    experiment, _ = link.from_query(tiny_link)
    pack(Engine(Store(tmp_path / "elsewhere")), [experiment], tmp_path / "opening.pack", ["ranks", "movement"])
    monkeypatch.setattr(process, "OPENING", tmp_path / "opening.pack")
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(tmp_path / "fresh"))

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


def test_a_setting_that_is_compared_with_itself_has_one_label(setting: Experiment, open_page: OpenPage) -> None:
    place = {"model": setting.model, "corpus": setting.corpus}
    here = experiment_of(open_page("compare", **place))
    page = open_page("compare", **place, **{f"view.{name}": text for name, text in kept.view([Kept(here)]).items()})
    assert not page.exception
    assert said(page).count("From a pack, not from this machine") == 1
    assert "result-ready" in said(page)


def test_the_numbers_are_those_of_the_machine_that_packed_them(
    packed: tuple[bytes, Result], setting: Experiment, open_page: OpenPage
) -> None:
    page = open_page("", model=setting.model, corpus=setting.corpus)
    post = packed[1].target_top1.post
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
