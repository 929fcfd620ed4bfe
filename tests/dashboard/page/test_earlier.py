"""What a page showed of the setting before stays, named, while the present one is computed; and no longer than that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import SettingError
from core.packs.pack_folder import PackFolder
from core.pipeline.engine import Engine
from core.store.store import Store
from dashboard.page import downloading
from dashboard.work import process
from dashboard.work.queue import Jobs
from tests.helpers.bench import Bench, X, until
from tests.helpers.pages import page_of
from tests.helpers.results import make_result


def _page() -> None:
    from dataclasses import replace

    import streamlit as st

    from dashboard.page import layers
    from dashboard.state import session
    from tests.helpers.bench import X

    session.visitor().sees("layers")
    session.visitor().experiment = replace(X, experts=st.number_input("k", value=X.experts))
    layers.draw()


def test_it_stays_while_another_setting_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, other = Bench(), replace(X, experts=70)
    bench.stored[X] = make_result(X)
    engine = Engine(Store(tmp_path / "cache"), PackFolder(tmp_path / "cache", None))
    started = process.Process(engine, Jobs(bench))
    monkeypatch.setattr(process, "start", lambda: started)
    monkeypatch.setattr(downloading, "may_begin", lambda _: True)

    def labels(page: AppTest) -> list[str]:
        assert not page.exception
        return [text for text in (html.proto.body for html in page.get("html")) if "computing" in text]

    page = page_of(_page).run()
    assert labels(page) == []
    (said, *_) = [text.value for text in page.markdown if "the intervention" in text.value]
    n_charts = len(page.get("vega_lite_chart"))
    page.number_input[0].set_value(other.experts).run()
    (label,) = labels(page)
    assert "Japanese, 10 experts, strength 1, model made · computing Japanese, 70 experts" in label
    assert any(text.value.startswith(said) for text in page.markdown)
    assert len(page.get("vega_lite_chart")) == 1 < n_charts
    assert not page.get("popover"), "its files would be named by the present setting"
    bench.fail(other, SettingError("k of 70", "nothing would be written", "Use 1."))
    until(lambda: not started.jobs.find(other).active, "it fails")
    assert labels(page.run()) == [], "not beside a refusal"
    assert not page.get("vega_lite_chart")
