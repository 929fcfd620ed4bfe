"""A cache that is only read: what it has is found, what is derived from it lies elsewhere, nothing in it changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core import access
from core.errors import StoreError
from core.store.artefact import Payload
from core.store.read_only import open_cache
from core.store.store import Store
from tests.helpers.store import tree


def payload(value: float) -> Payload:
    return Payload(arrays={"x": np.full(3, value)})


def never() -> Payload:
    raise AssertionError("it is there already")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    store = Store(tmp_path / "cache")
    store.put("layer", {"n": 1}, payload(1.0))
    monkeypatch.setenv(access.READ_ONLY, "1")
    return store.root


def test_what_it_has_is_read_and_what_is_new_lies_elsewhere(cache: Path) -> None:
    before = tree(cache)
    store = open_cache(cache)
    assert store.get_or_compute("layer", {"n": 1}, never).array("x").tolist() == [1.0] * 3
    found = store.find("layer", {"n": 1})
    assert found is not None
    assert found.path.is_relative_to(cache)
    made = store.get_or_compute("ranks", {"n": 2}, lambda: payload(2.0))
    assert not made.path.is_relative_to(cache)
    assert store.get_or_compute("ranks", {"n": 2}, never).array("x").tolist() == [2.0] * 3
    assert {entry.stage for entry in store.entries()} == {"layer", "ranks"}
    assert tree(cache) == before


def test_what_is_damaged_in_it_is_made_elsewhere_and_stays(cache: Path) -> None:
    (file,) = cache.glob("layer/*/x.npy")
    file.write_bytes(b"altered")
    before = tree(cache)
    store = open_cache(cache)
    assert store.find("layer", {"n": 1}) is None
    assert store.get_or_compute("layer", {"n": 1}, lambda: payload(1.0)).array("x").tolist() == [1.0] * 3
    assert tree(cache) == before


def test_a_cache_that_is_not_there_is_refused(cache: Path) -> None:
    with pytest.raises(StoreError, match="no such folder"):
        open_cache(cache / "none")


def test_otherwise_it_is_an_ordinary_store(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(access.READ_ONLY)
    store = open_cache(cache)
    assert store.root == cache
    assert store.below is None
