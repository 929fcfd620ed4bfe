"""What tests of sweeps share."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from core.sweep import stop


@pytest.fixture
def interruptible(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process heeds interruptions, which who runs the tests may ignore, and looks often for a request to stop."""
    monkeypatch.setattr(stop, "_LOOK", 0.02)
    monkeypatch.setattr(stop, "_WITHIN", 0.1)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
