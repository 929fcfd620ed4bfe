"""No bit of the store is believed unchecked: damage is found, told of, removed and repaired."""

import json
import logging
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.store.artefact import Artefact, Payload
from core.store.files import DamagedArtefact, digest
from core.store.store import Store
from tests.helpers.store import (
    SEEN_AT_ONCE,
    SEEN_AT_ONCE_IDS,
    SPEC,
    assert_built,
    assert_sample,
    build,
    cut,
    flip_bit,
    python,
    sample,
    temporaries,
)

FILES = ["manifest.json", "scores.npy", "kept.npy", "languages.parquet"]


def flip_first(path: Path) -> None:
    flip_bit(path, 0)


def flip_middle(path: Path) -> None:
    flip_bit(path, path.stat().st_size // 2)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", SEEN_AT_ONCE, ids=SEEN_AT_ONCE_IDS)
def test_damage_seen_at_once(
    store: Store, caplog: pytest.LogCaptureFixture, name: str, damage: Callable[[Path], object]
) -> None:
    artefact = store.put("s", SPEC, sample())
    damage(artefact.path / name)
    with caplog.at_level(logging.WARNING, "core.store.store"):
        assert store.find("s", SPEC) is None
    assert not artefact.path.exists()
    assert len(store.damaged) == 1
    assert name in store.damaged[0]
    assert store.damaged[0] in caplog.text
    assert temporaries(store.root) == []
    assert_sample(store.get_or_compute("s", SPEC, sample))


@pytest.mark.parametrize(
    "content",
    [b"\0\xff\xfe", b"{", b"[]", b"{}", b"null", b'{"sha256": 1}', b'"text"', b"[" * 100_000, b"NaN"],
    ids=range(9),
)
def test_garbage_manifest(store: Store, content: bytes) -> None:
    artefact = store.put("s", SPEC, sample())
    (artefact.path / "manifest.json").write_bytes(content)
    assert store.entries() == []
    assert "manifest.json" in store.damaged[0]
    assert_sample(store.get_or_compute("s", SPEC, sample))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_flipped_bit_of_a_manifest_changes_what_it_says(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    store = Store(tmp_path_factory.mktemp("cache"))
    artefact = store.put("s", SPEC, Payload(facts={"n": 12, "x": 0.125, "ok": True}), seconds=1.0)
    path = artefact.path / "manifest.json"
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    assert store.find("s", SPEC) in (None, artefact)  # the latter if the bit was in white space


def test_a_manifest_of_something_else(store: Store) -> None:
    one, other = store.put("s", SPEC, sample()), store.put("s", {"other": 1}, sample())
    (one.path / "manifest.json").write_bytes((other.path / "manifest.json").read_bytes())
    assert store.find("s", SPEC) is None


def test_a_manifest_whose_time_has_no_zone_is_damage(store: Store) -> None:
    store.put("s", {"other": 1}, sample())
    artefact = store.put("s", SPEC, sample())
    manifest = json.loads((artefact.path / "manifest.json").read_text(encoding="utf-8"))
    del manifest["sha256"]
    manifest["created"] = "2025-01-02T03:04:05"
    manifest["sha256"] = digest(manifest)
    (artefact.path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert len(store.entries()) == 1  # in order of time
    assert "names no zone" in store.damaged[0]


@pytest.mark.parametrize("path", ["../../secret", "/etc/hostname", "a/../../b", "..\\b", "C:x", ""])
def test_a_manifest_cannot_lead_elsewhere(store: Store, path: str) -> None:
    artefact = store.get_or_build("s", SPEC, build)
    manifest = json.loads((artefact.path / "manifest.json").read_text(encoding="utf-8"))
    del manifest["sha256"]
    manifest["files"][0]["name"] = path
    manifest["sha256"] = digest(manifest)
    (artefact.path / "manifest.json").write_text(json.dumps(manifest))
    assert store.find("s", SPEC) is None
    assert "it leads out of the artefact" in store.damaged[0]


@pytest.mark.parametrize("flip", [flip_first, flip_middle, flip_bit])
@pytest.mark.parametrize("name", FILES[1:])
def test_a_flipped_bit_is_found_when_read(store: Store, name: str, flip: Callable[[Path], None]) -> None:
    artefact = store.put("s", SPEC, sample())
    flip(artefact.path / name)
    assert store.find("s", SPEC) == artefact  # quick: not read yet
    stem, kind = name.split(".")
    with pytest.raises(DamagedArtefact, match=f"{name}: its checksum is not that of what was written. It has to be"):
        artefact.array(stem) if kind == "npy" else artefact.table(stem)
    with pytest.raises(DamagedArtefact, match=name):
        artefact.verify()


@pytest.mark.parametrize("damage", [flip_bit, *SEEN_AT_ONCE], ids=["flipped", *SEEN_AT_ONCE_IDS])
def test_get_or_compute_never_returns_damage(store: Store, damage: Callable[[Path], object]) -> None:
    damage(store.put("s", SPEC, sample()).path / "scores.npy")
    assert_sample(store.get_or_compute("s", SPEC, sample))
    assert len(store.damaged) == 1
    assert_sample(store.get_or_compute("s", SPEC, lambda: pytest.fail("computed again")))


@pytest.mark.parametrize("damage", [flip_bit, *SEEN_AT_ONCE], ids=["flipped", *SEEN_AT_ONCE_IDS])
def test_read_heals_what_breaks_while_it_is_read(store: Store, damage: Callable[[Path], object]) -> None:
    calls = []

    def reader(artefact: Artefact) -> np.ndarray:
        calls.append(1)
        if len(calls) == 1:
            damage(artefact.path / "scores.npy")
        return artefact.array("scores")

    np.testing.assert_array_equal(store.read("s", SPEC, sample, reader), sample().arrays["scores"])
    assert len(calls) == 2
    assert len(store.damaged) == 1


def test_read_heals_what_is_removed_while_it_is_read(store: Store) -> None:
    calls = []

    def reader(artefact: Artefact) -> np.ndarray:
        calls.append(1)
        if len(calls) == 1:
            Store(store.root).remove(artefact)
        return artefact.array("scores")

    np.testing.assert_array_equal(store.read("s", SPEC, sample, reader), sample().arrays["scores"])
    assert store.damaged == []


def test_read_gives_up_after_the_second_time(store: Store) -> None:
    calls = []

    def reader(artefact: Artefact) -> np.ndarray:
        calls.append(1)
        flip_bit(artefact.path / "scores.npy")
        return artefact.array("scores")

    with pytest.raises(DamagedArtefact):
        store.read("s", SPEC, sample, reader)
    assert len(calls) == 2


def test_damage_is_not_removed_under_somebody_at_work(store: Store) -> None:
    artefact = store.put("s", SPEC, sample())
    cut(artefact.path / "scores.npy")
    found = []
    with store.lock("s", SPEC):
        other = threading.Thread(target=lambda: found.append(store.find("s", SPEC)))
        other.start()
        other.join(60)
    assert found == [None]
    assert artefact.path.exists()
    assert store.damaged == []


def test_trouble_in_reading_is_not_damage(store: Store) -> None:
    """Too many open files must not empty the cache."""
    artefact = store.put("s", SPEC, sample())
    os.utime(artefact.path / "manifest.json", (2**32, 2**32))  # a manifest written long ago is remembered, not read
    script = """
        import os, resource
        from core.errors import StoreError
        from core.store.files import DamagedArtefact
        from core.store.store import Store
        from tests.helpers.store import SPEC
        store = Store(sys.argv[1])
        artefact = store.find("s", SPEC)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 4096))
        try:
            while True:
                os.open(os.devnull, os.O_RDONLY)
        except OSError:
            pass
        for attempt in (lambda: store.find("s", SPEC), lambda: artefact.array("scores")):
            try:
                attempt()
            except DamagedArtefact:
                raise
            except StoreError as error:
                assert "Too many open files" in error.why, error
            else:
                raise SystemExit("read")
    """
    process = python(script, store.root)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert_sample(store.find("s", SPEC))
    assert artefact == store.find("s", SPEC)


def test_checksums_are_remembered_by_size_and_time(store: Store) -> None:
    artefact = store.put("s", SPEC, sample())
    path = artefact.path / "scores.npy"
    os.utime(path, ns=(10**18, 10**18))
    artefact.verify()
    flip_bit(path)
    os.utime(path, ns=(10**18, 10**18))
    artefact.verify()  # as quick as it is blind: same size, same time
    with pytest.raises(DamagedArtefact):
        artefact.verify(afresh=True)
    os.utime(path, ns=(10**18 + 1, 10**18 + 1))
    with pytest.raises(DamagedArtefact):
        artefact.array("scores")


def test_a_file_written_a_moment_ago_is_not_remembered(store: Store) -> None:
    """On a file system with a coarse clock, a second write may leave size and time as they were."""
    artefact = store.put("s", SPEC, sample())
    path = artefact.path / "scores.npy"
    artefact.verify()
    status = path.stat()
    flip_bit(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(DamagedArtefact):
        artefact.verify()


@pytest.mark.parametrize("name", ["model.bin", "sub/ü.json"])
@pytest.mark.parametrize("damage", [flip_bit, *SEEN_AT_ONCE], ids=["flipped", *SEEN_AT_ONCE_IDS])
def test_damaged_build_is_built_again(store: Store, name: str, damage: Callable[[Path], object]) -> None:
    artefact = store.get_or_build("model", SPEC, build)
    damage(artefact.path / name)
    with pytest.raises(DamagedArtefact):
        artefact.verify()
    assert_built(store.get_or_build("model", SPEC, build))
    assert len(store.damaged) == 1


def test_errors_cross_process_borders() -> None:
    error = pickle.loads(pickle.dumps(DamagedArtefact("what", "why", "instead")))
    assert type(error) is DamagedArtefact
    assert str(error) == "what: why. instead"
