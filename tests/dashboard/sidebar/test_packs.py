"""A pack that is dropped into the sidebar opens; one that is none is refused there, and the page stays as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.experiment.settings import Experiment
from core.models.spec import E5, EMBEDDED
from core.packs.pack import pack
from core.pipeline.engine import Engine
from core.store.store import Store
from dashboard.sidebar import packs
from dashboard.state import link
from dashboard.work import process
from tests.helpers.pages import experiment_of, page_of


def _script() -> None:
    from dashboard.sidebar import controls

    controls.sidebar()


def test_a_dropped_pack_opens_and_stays_listed(
    tiny_link: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment, _ = link.from_query(tiny_link)
    pack(Engine(Store(tmp_path / "elsewhere")), [experiment], tmp_path / "tiny.pack", ["ranks"])
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(tmp_path / "here"))
    process.start.clear()
    page = page_of(_script)
    page.query_params.update(tiny_link)
    page.session_state["sidebar-packs"] = True
    page.run()
    before = experiment_of(page)

    def drop(content: bytes) -> None:
        uploader = next(each for each in page.sidebar.get("file_uploader") if each.proto.label == "A pack")
        uploader.upload("tiny.pack", content, "application/zip").run()

    drop(b"no pack")
    assert not page.exception
    assert experiment_of(page) == before
    assert any("it is no pack" in str(html.proto.body) for html in page.get("html"))
    drop((tmp_path / "tiny.pack").read_bytes())
    assert not page.exception
    assert experiment_of(page).model == Path(experiment.model).name
    (listed,) = (button for button in page.sidebar.button if "from a pack" in button.label)
    assert listed.disabled  # it is the one that is open
    process.start.clear()


def test_a_model_that_comes_with_the_program_keeps_the_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    class PackFolder:
        def settings(self, model: str | None = None) -> list[Experiment]:
            every = [Experiment(model=EMBEDDED, experts=7), Experiment(model="of-a-pack", experts=7)]
            return [one for one in every if model in (None, one.model)]

        def cells(self) -> list[tuple[Experiment, ...]]:
            return []

    opened: list[Experiment] = []
    monkeypatch.setattr(process, "packs", PackFolder)
    monkeypatch.setattr(packs, "_open", opened.append)
    before = Experiment(model=E5, experts=30)
    packs.follow(before, Experiment(model=EMBEDDED, experts=30))
    packs.follow(before, Experiment(model="of-none", experts=30))
    assert opened == []
    packs.follow(before, Experiment(model="of-a-pack", experts=30))
    assert [one.experts for one in opened] == [7]


def test_a_model_that_is_on_this_machine_keeps_the_other_settings(
    tiny_link: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, _ = link.from_query(tiny_link)

    class PackFolder:
        def settings(self, model: str | None = None) -> list[Experiment]:
            return [replace(asked, experts=3)] if model == asked.model else []

        def cells(self) -> list[tuple[Experiment, ...]]:
            return []

    opened: list[Experiment] = []
    monkeypatch.setattr(process, "packs", PackFolder)
    monkeypatch.setattr(packs, "_open", opened.append)
    packs.follow(replace(asked, model=EMBEDDED), asked)
    assert opened == []
