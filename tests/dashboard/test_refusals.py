"""Settings that cannot be: every page says so in three parts, and none breaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import AskError
from core.pipeline.engine import Engine
from core.store.store import Store
from dashboard.page_table import PAGES
from tests.helpers.pages import OpenPage

TOO_HIGH = {"min_score": "0.99999"}
OTHERS = {
    "no such home": {"model": "~nosuch/x"},
    "a corpus in no such home": {"corpus": "table:~nosuch/x.tsv"},
    "layers without end": {"in_layers": ",".join(["0-999999"] * 100)},
}


@pytest.mark.parametrize("path", PAGES)
def test_every_page_bears_a_score_that_no_neuron_has(path: str, open_page: OpenPage) -> None:
    assert not open_page(path, **TOO_HIGH).exception


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS)
def test_a_page_says_what_cannot_be(changes: dict[str, str], open_page: OpenPage) -> None:
    page = open_page("layers", **changes)
    assert not page.exception
    said = [text.value for text in page.text] + [text.value for text in page.markdown]
    assert any("cannot be shown" in text for text in said), said


@pytest.fixture(autouse=True, scope="module")
def _experts_are_known(tiny_cache, tiny_link) -> None:
    """The scores are in the cache: then a page can see by itself that none is high enough."""
    from core.experiment.settings import Experiment

    asked = Experiment(model=tiny_link["model"], dtype="float32", corpus=tiny_link["corpus"], target="ja", experts=20)
    engine = Engine(Store(tiny_cache))
    engine.experts(asked)
    with pytest.raises(AskError, match="the best neuron scores"):
        engine.known(replace(asked, min_score=0.99999))
