"""Machines that share a store: two cache folders over a folder and S3, with cut networks and full disks."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core import access
from core.errors import StoreError
from core.store import quota, temporary_folders
from core.store.artefact import Payload
from core.store.files import MANIFEST, DamagedArtefact
from core.store.opening import check_shared, open_store
from core.store.read_only import open_cache
from core.store.stage import PASSING
from core.store.store import Store
from tests.helpers.object_store import bucket, cut_off, object_store
from tests.helpers.store import SPEC, assert_built, assert_sample, build, fetched, flip_bit, python, sample, tree


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with object_store() as endpoint:
        yield endpoint


@pytest.fixture(params=["file", "s3"])
def address(request: pytest.FixtureRequest, tmp_path: Path, service: str) -> str:  # noqa: ARG001 - serves s3
    return f"file://{tmp_path / 'shared'}" if request.param == "file" else bucket()


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return f"file://{tmp_path / 'shared'}"


def never() -> Payload:
    raise AssertionError("it was computed already")


# --- sharing


def test_what_one_computed_the_other_reads_and_only_as_much_as_it_asks_for(tmp_path: Path, address: str) -> None:
    one, two = (open_store(tmp_path / name, shared=address) for name in ("one", "two"))
    assert two.find("s", SPEC) is None
    made = one.get_or_compute("s", SPEC, sample)
    artefact = two.get_or_compute("s", SPEC, never)
    assert (artefact.facts, fetched(two)) == (sample().facts, [])
    assert artefact.array("kept").tolist() == [True, False]
    assert fetched(two) == ["kept.npy"]
    assert_sample(artefact)
    assert artefact == two.find("s", SPEC)
    assert artefact.made_by == made.made_by
    assert artefact.made_by["processor"]
    assert [(entry.stage, entry.nbytes) for entry in two.entries()] == [("s", made.nbytes)]
    # What is built as files is brought whole: the caller reads them by their paths.
    one.get_or_build("b", SPEC, build)
    assert_built(two.get_or_build("b", SPEC, lambda _: pytest.fail("built twice")))
    assert two.shared is not None
    content = two.shared.content()
    assert content.artefacts == {"s": 1, "b": 1}
    assert content.bytes == sum(entry.nbytes for entry in one.entries())
    assert open_store(tmp_path / "two").find("s", SPEC) is not None  # without the address too: all of it is here


def test_parts_of_what_was_cut_off_are_swept_and_not_counted(tmp_path: Path, folder: str) -> None:
    one, two = (open_store(tmp_path / name, shared=folder) for name in ("one", "two"))
    one.get_or_compute("s", SPEC, sample)
    artefact = two.get_or_compute("s", SPEC, never)
    old, new = artefact.path / ".tmp-1-aa", artefact.path / "inner" / ".tmp-1-bb"
    new.parent.mkdir()
    blob = next((tmp_path / "shared" / "blobs").glob("*/*"))
    assert two.shared is not None
    before = two.shared.content()
    for part in (old, new, blob.with_name(".tmp-1-cc")):
        part.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * temporary_folders.OLD,) * 2)
    two.sweep()
    assert (old.exists(), new.exists()) == (False, True)
    os.utime(new, (time.time() - 2 * temporary_folders.OLD,) * 2)
    two.sweep()
    assert not new.exists()
    assert two.shared.content() == before


def test_whoever_sends_deletes_old_parts_of_what_was_cut_off_there(tmp_path: Path, folder: str) -> None:
    one = open_store(tmp_path / "one", shared=folder)
    one.put("s", {"n": 1}, sample())
    stage = tmp_path / "shared" / "s"
    names = {"half-sent": ".tmp-17-0123456789abcdef", "half-mended": ".tmp-17-0123456789ab", "foreign": ".tmp-notes"}
    old = {what: stage / name for what, name in names.items()}
    new = stage / ".tmp-17-fedcba9876543210"
    link = stage / ".tmp-18-0123456789abcdef"
    for path in (*old.values(), new):
        path.write_bytes(b"half")
    link.symlink_to(old["foreign"])
    for path in (*old.values(), link):
        os.utime(path, (time.time() - 2 * temporary_folders.OLD,) * 2, follow_symlinks=False)
    two = open_store(tmp_path / "two", shared=folder)
    assert two.find("s", {"n": 1}) is not None
    assert old["half-sent"].exists()  # who only reads deletes nothing
    two.put("s", {"n": 2}, sample())
    assert sorted(stage.glob(".tmp-*")) == sorted([old["foreign"], new, link])
    assert two.shared is not None
    assert two.shared.content().artefacts == {"s": 2}


def test_of_eight_machines_that_computed_the_same_one_wins_and_all_have_its_numbers(
    tmp_path: Path, address: str
) -> None:
    stores = [open_store(tmp_path / str(number), shared=address) for number in range(8)]
    computing, values = threading.Barrier(8), []

    def work(number: int) -> None:
        def compute() -> Payload:
            computing.wait(60)  # so that all have found that it is nowhere
            return Payload(arrays={"x": np.full(3, number)})

        values.append(stores[number].get_or_compute("s", SPEC, compute).array("x").tolist())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(values) == 8
    assert len(set(map(tuple, values))) == 1
    assert [store.get_or_compute("s", SPEC, never).array("x").tolist() for store in stores] == values
    assert sum((store.root / "s").is_dir() and any((store.root / "s").glob("[0-9a-f]*")) for store in stores) == 1


def test_rounds_of_a_run_and_converted_models_stay_where_they_are(tmp_path: Path, folder: str) -> None:
    store = open_store(tmp_path / "one", shared=folder)
    for stage in ("embedding-parts", "model"):
        store.put(stage, SPEC, sample())
    assert store.shared is not None
    assert (store.shared.content().artefacts, store.shared.waiting()) == ({}, [])


def test_what_passes_is_not_sent_by_whoever_sends_all(tmp_path: Path, folder: str) -> None:
    store = open_store(tmp_path / "one", shared=folder)
    passing = Payload(sample().arrays, facts={PASSING: True})
    assert store.shared is not None
    store.shared.note(store.put("embeddings", SPEC, passing))
    assert (store.send_waiting(), store.shared.content().artefacts) == (0, {})


def test_what_is_computed_while_the_store_is_not_mounted_is_sent_when_it_is(tmp_path: Path, folder: str) -> None:
    store = open_store(tmp_path / "one", shared=folder)
    assert store.shared is not None
    store.put("embeddings", {"number": 1}, sample())
    place = Path(folder.removeprefix("file://"))
    place.rename(place.with_name("away"))
    place.mkdir()  # the mount point
    store.put("embeddings", {"number": 2}, sample())
    assert (len(store.shared.waiting()), list(place.iterdir())) == (1, [])
    store = open_store(tmp_path / "one", shared=folder)  # by a program that starts meanwhile
    store.put("embeddings", {"number": 3}, sample())
    assert store.shared is not None
    assert (len(store.shared.waiting()), list(place.iterdir())) == (2, [])
    with pytest.raises(StoreError, match="may not be mounted"):
        check_shared(folder, tmp_path / "one")
    place.rmdir()
    place.with_name("away").rename(place)
    store.shared.retry()
    assert store.send_waiting() == 2
    assert store.shared.waiting() == []


def test_what_cannot_be_sent_keeps_nothing_else_from_it(tmp_path: Path, folder: str) -> None:
    store = open_store(tmp_path / "one")
    made = [store.put("embeddings", {"n": n}, Payload(arrays={"x": np.full(3, n)})) for n in range(3)]
    store = open_store(tmp_path / "one", shared=folder)
    assert store.shared is not None
    for artefact in made:
        store.shared.note(artefact)
        os.utime(next(store.root.glob(f".shared/.waiting/*{artefact.digest}*")), (made.index(artefact),) * 2)
    sha256 = made[0].files[0].sha256
    blocked = tmp_path / "shared" / "blobs" / sha256[:2] / sha256
    blocked.mkdir(parents=True)  # a folder where its file should go
    for _ in range(2):
        store.shared.retry()
        with pytest.raises(StoreError):
            store.send_waiting()
    assert store.shared.waiting() == [("embeddings", made[0].digest)]
    store.shared.retry()
    assert store.shared.content().artefacts == {"embeddings": 2}
    blocked.rmdir()
    assert store.send_waiting() == 1


def test_a_cache_that_is_only_read_takes_and_gives_nothing(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(tmp_path / "one", shared=folder).put("s", SPEC, sample())
    Store(tmp_path / "two")
    before = tree(tmp_path / "two"), tree(tmp_path / "shared")
    monkeypatch.setenv(access.READ_ONLY, "1")
    monkeypatch.setenv(access.SHARED, folder)
    store = open_cache(tmp_path / "two")
    assert_sample(store.get_or_compute("s", SPEC, never))
    store.put("s", {"other": 1}, sample())
    assert (tree(tmp_path / "two"), tree(tmp_path / "shared")) == before
    for entry in store.entries():  # the folder is this process's, for every test
        store.remove(entry)


# --- what is damaged, and what was removed


def test_what_is_damaged_there_is_computed_again_and_mended_for_all(tmp_path: Path, folder: str) -> None:
    open_store(tmp_path / "one", shared=folder).put("s", SPEC, sample())
    for blob in (tmp_path / "shared" / "blobs").glob("*/*"):
        flip_bit(blob)
    two = open_store(tmp_path / "two", shared=folder)
    with pytest.raises(DamagedArtefact, match="not what was written there"):
        two.get_or_compute("s", SPEC, never).array("kept")
    two.read("s", SPEC, sample, assert_sample)
    assert_sample(open_store(tmp_path / "three", shared=folder).get_or_compute("s", SPEC, never))
    # A manifest that says nothing, as of another version, is as if it were not there.
    (manifest,) = (tmp_path / "shared" / "s").glob("*.json")
    manifest.write_text('{"format": 99}')
    assert_sample(open_store(tmp_path / "four", shared=folder).get_or_compute("s", SPEC, sample))
    assert_sample(open_store(tmp_path / "five", shared=folder).get_or_compute("s", SPEC, never))


def test_what_is_damaged_or_removed_here_is_fetched_again(tmp_path: Path, address: str) -> None:
    open_store(tmp_path / "one", shared=address).put("layer", SPEC, sample())
    two = open_store(tmp_path / "two", shared=address)
    artefact = two.get_or_compute("layer", SPEC, never)
    assert_sample(artefact)
    flip_bit(artefact.path / "kept.npy")
    assert_sample(artefact)
    flip_bit(artefact.path / MANIFEST)
    os.utime(artefact.path / MANIFEST, (1, 1))
    assert_sample(two.get_or_compute("layer", SPEC, never))
    # The quota takes it away, here and where it was made, and it is fetched again.
    for store in (two, open_store(tmp_path / "one", shared=address)):
        assert quota.enforce(store, 0, time.time() + 60).artefacts == 1
        assert store.entries() == []
        assert_sample(store.get_or_compute("layer", SPEC, never))
    two.remove(two.entries()[0])
    assert fetched(two) == []


# --- trouble: nothing is lost


def test_a_partition_in_the_middle_loses_nothing(tmp_path: Path, service: str) -> None:  # noqa: ARG001
    address = bucket()
    one, two = (open_store(tmp_path / name, shared=address) for name in ("one", "two"))
    one.put("s", {"n": 1}, sample())
    assert two.find("s", {"n": 1}) is not None  # its files are still there alone
    with cut_off():
        one, two = (open_store(tmp_path / name, shared=address) for name in ("one", "two"))
        for store in (one, two):
            store.get_or_compute("s", {"n": 2}, sample)
            assert store.shared is not None
            assert "does not answer" in store.shared.trouble
            assert len(store.shared.waiting()) == 1
        two.read("s", {"n": 1}, sample, lambda artefact: artefact.array("kept"))  # computed here, since it cannot come
        # What waits to be sent is not taken away to make room.
        quota.enforce(two, 0, time.time() + 60)
        assert sorted(str(entry.spec["n"]) for entry in two.entries()) == ["1", "2"]
        assert two.shared is not None
        with pytest.raises(StoreError, match="does not answer"):
            two.send_waiting()
    one, two = (open_store(tmp_path / name, shared=address) for name in ("one", "two"))
    one.send_waiting()
    two.send_waiting()
    assert two.shared is not None
    assert (two.shared.waiting(), two.shared.content().artefacts) == ([], {"s": 2})
    three = open_store(tmp_path / "three", shared=address)
    assert three.get_or_compute("s", {"n": 2}, never).array("kept").tolist() == [True, False]


def test_a_killed_sender_sends_later(tmp_path: Path, folder: str) -> None:
    script = """
        import os, signal
        from core.store import place
        from core.store.opening import open_store
        from tests.helpers.store import SPEC, fetched, sample
        store = open_store(sys.argv[1], shared=sys.argv[2])
        store.put("s", {"first": 1}, sample())
        place.Place.create = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        store.put("s", SPEC, sample())
    """
    sender = python(script, tmp_path / "one", folder)
    sender.communicate(timeout=60)
    assert sender.returncode == -signal.SIGKILL
    one = open_store(tmp_path / "one", shared=folder)
    assert_sample(one.get_or_compute("s", SPEC, sample))
    one.send_waiting()
    assert_sample(open_store(tmp_path / "two", shared=folder).get_or_compute("s", SPEC, never))


def test_a_full_shared_store_keeps_results_here_and_says_so(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one = open_store(tmp_path / "one", shared=folder)
    one.put("s", {"first": 1}, sample())
    real = shutil.copyfile

    def full(source: str, target: str, **options: object) -> object:
        if str(tmp_path / "shared") in str(target):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(source, target, **options)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        payload = Payload(arrays={"x": np.arange(5)})
        assert one.put("s", SPEC, payload).array("x").tolist() == [0, 1, 2, 3, 4]
        one.put("s", {"n": 2}, payload)
    assert one.shared is not None
    assert "No space left" in one.shared.trouble
    assert len(one.shared.waiting()) == 2
    said = [record.message for record in caplog.records if "No space left" in record.message]
    assert len(said) == 1  # once
    assert "kept in the cache, and sent later" in said[0]
    assert open_store(tmp_path / "two", shared=folder).find("s", {"first": 1}) is not None  # reading goes on
    one.shared.retry()
    assert one.send_waiting() == 2


def test_a_bucket_without_rights(tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError("Access Denied")

    one = open_store(tmp_path / "one", shared=folder)
    one.put("s", SPEC, sample())
    with monkeypatch.context() as patch:
        patch.setattr("fsspec.implementations.local.LocalFileSystem.put_file", denied)
        two = open_store(tmp_path / "two", shared=folder)
        assert_sample(two.get_or_compute("s", SPEC, never))
        two.put("s", {"n": 2}, Payload(arrays={"x": np.arange(5)}))
        assert two.shared is not None
        assert "not allowed: Access Denied" in two.shared.trouble
        patch.setattr("fsspec.implementations.local.LocalFileSystem.cat_file", denied)
        with pytest.raises(StoreError, match=r"not allowed: Access Denied.*rights to list, read and write"):
            check_shared(folder, tmp_path / "two")


def test_of_a_later_version_and_of_something_else(tmp_path: Path, folder: str) -> None:
    check_shared(folder, tmp_path / "one")
    about = tmp_path / "shared" / "language-neurons.json"
    assert json.loads(about.read_text()) == {"format": 1}
    for content, why in (('{"format": 2}', "a later version of this program keeps it"), ("[]", "not one that this")):
        about.write_text(content)
        with pytest.raises(StoreError, match=why):
            check_shared(folder, tmp_path / "one")
        # A server that is running goes on by itself.
        assert_sample(open_store(tmp_path / content.strip("{}[]")[-1:], shared=folder).put("s", SPEC, sample()))


# --- clocks


@pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
def test_clocks_an_hour_apart(tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    """This machine's clock is off: what was just used is not taken for old, nor another's draft for abandoned."""
    other = open_store(tmp_path / "other", shared=folder)
    other.put("s", SPEC, sample())
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + ahead)
    store = open_store(tmp_path / "one", shared=folder)
    assert_sample(store.get_or_compute("s", SPEC, never))
    began = time.time() - 60
    store.put("s", {"n": 2}, sample())
    assert quota.enforce(store, 0, began).artefacts == 0
    assert {entry.spec.get("n") for entry in store.entries()} == {None, 2}
    assert abs(store.last_used(store.entries()[0]) - time.time()) < 60
