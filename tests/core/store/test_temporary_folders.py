"""One cache folder on a file system that several machines share: its temporary folders, and what two write at once."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import numpy as np
import pytest

from core.store import temporary_folders
from core.store.artefact import Payload
from core.store.files import DamagedArtefact
from core.store.store import Store
from tests.helpers.store import SPEC, assert_sample, sample


def test_another_machines_drafts_are_swept_once_they_are_old(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    artefact = store.put("s", SPEC, sample())
    monkeypatch.setattr(temporary_folders.socket, "gethostname", lambda: "another_machine")
    left = [store.root / "s" / temporary_folders.name(artefact.digest) for _ in range(2)]
    monkeypatch.undo()
    assert all("-another.machine-" in draft.name for draft in left)
    for draft in left:
        draft.mkdir()
        (draft / "x").write_bytes(b"half")
    for path in (left[0] / "x", left[0]):
        os.utime(path, (time.time() - 2 * temporary_folders.OLD,) * 2)
    (store.root / "s" / f".tmp-{os.getpid()}-abc-{artefact.digest}").mkdir()  # as earlier versions named them
    Store(store.root)
    assert list((store.root / "s").glob(".tmp-*")) == [left[1]]


def test_an_artefact_that_another_machine_has_put_there_is_taken(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock is not seen here, and the rename finds its place taken."""
    other = Store(store.root)

    def compute() -> Payload:
        with monkeypatch.context() as patch:
            patch.setattr(other._locks, "held", lambda *_, **__: open(os.devnull))  # noqa: PTH123, SIM115
            other.put("s", SPEC, sample())
        return Payload(arrays={"x": np.arange(2)})

    monkeypatch.setattr(store, "put", lambda stage, spec, payload, seconds: put(store, stage, spec, payload, seconds))

    def put(store: Store, stage: str, spec: dict, payload: Payload, seconds: float | None) -> object:
        with store._draft(stage, "0" * 64) as draft:
            return store._commit(draft, stage, spec, payload.facts, payload.write(draft), seconds)

    assert_sample(store.get_or_compute("s", SPEC, compute))
    assert store.damaged == []


def test_what_a_stale_handle_hides_is_absent(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    artefact = store.put("s", SPEC, sample())
    real = Path.open

    def stale(path: Path, *arguments: object, **options: object) -> object:
        if path.name == "kept.npy":
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return real(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", stale)
        with pytest.raises(DamagedArtefact, match="it is missing"):
            artefact.array("kept")
