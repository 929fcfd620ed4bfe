"""Downloads in the background: one a model, stopped when nobody looks, and their ends in words. What they fetch, and
that nothing comes unasked, is tested with the hub in miniature (`tests/core/models/test_download.py`)."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from core.errors import AskError, ModelError
from core.models import download
from core.models.download import Download
from dashboard.work import downloads
from dashboard.work.downloads import Downloads
from tests.helpers.bench import LONG, until

WHAT = Download("tiny/model", "0" * 40, (("model.safetensors", 100),))


def test_two_who_ask_share_one_download(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = threading.Event()
    begun = []

    def fetch(what: Download, advance: Callable[[int], object]) -> None:
        begun.append(what)
        advance(40)
        assert goes_on.wait(LONG)
        advance(60)

    monkeypatch.setattr(download, "fetch", fetch)
    shared = Downloads()
    running = shared.begin(WHAT)
    assert shared.begin(WHAT) is running
    until(lambda: running.come == 40)
    goes_on.set()
    until(lambda: running.ended)
    assert (running.come, running.error, begun) == (100, None, [WHAT])
    shared.forget(WHAT)
    assert shared.find(WHAT) is None


def test_a_download_that_nobody_looks_at_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_AWAY_AFTER", 0.0)
    monkeypatch.setattr(download, "fetch", lambda _, advance: [advance(1) for _ in range(10**6)])
    running = Downloads().begin(WHAT)
    until(lambda: running.ended)
    assert running.come < 10**6
    assert isinstance(running.error, AskError)
    assert "nobody waited" in running.error.why


@pytest.mark.parametrize("error", [ModelError("a", "b", "c"), RuntimeError("a\nb"), SystemExit("c")])
def test_every_end_is_said(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fetch(_what: Download, _advance: Callable[[int], object]) -> None:
        raise error

    monkeypatch.setattr(download, "fetch", fetch)
    running = Downloads().begin(WHAT)
    until(lambda: running.ended)
    assert running.error is error or str(running.error).startswith(type(error).__name__)
