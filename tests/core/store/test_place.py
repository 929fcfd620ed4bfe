"""Files at a shared address: over a folder, over memory, over S3 on this machine."""

from __future__ import annotations

import errno
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import StoreError
from core.store.place import Place, Refused, Unreachable, explained
from tests.helpers.object_store import bucket, cut_off, object_store


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with object_store() as endpoint:
        yield endpoint


@pytest.fixture(params=["file", "memory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, service: str) -> Place:  # noqa: ARG001 - serves s3
    address = {"file": f"file://{tmp_path / 'shared'}", "memory": f"memory://{tmp_path.name}"}
    made = Place(address.get(request.param) or bucket())
    made.make_folder()
    return made


def test_a_password_is_not_shown() -> None:
    with pytest.raises(StoreError) as refused:
        Place("nothing://me:secret@host/folder")
    assert "secret" not in str(refused.value)
    assert "nothing://me:***@host/folder" in str(refused.value)
    assert Place("memory://me:secret@host/folder").address == "memory://me:***@host/folder"


def test_what_is_written_is_there_and_what_is_not_is_none(place: Place, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.write_bytes(b"content")
    assert (place.read("a/b"), place.size("a/b")) == (None, None)
    assert not place.download("a/b", tmp_path / "back")
    place.upload(local, "a/b")
    place.upload(local, "a/b")
    assert (place.read("a/b"), place.size("a/b")) == (b"content", 7)
    assert place.download("a/b", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"content"
    place.replace("a/c", b"new")
    place.replace("a/c", b"newer")
    assert place.sizes("") == {"a/b": 7, "a/c": 5}
    assert place.sizes("none") == {}


def test_of_eight_who_create_a_file_one_wins_and_all_see_it(place: Place) -> None:
    seen: list[bytes] = []
    ready = threading.Barrier(8)

    def write(number: int) -> None:
        ready.wait(60)
        seen.append(place.create("stage/one.json", f"writer {number}".encode()))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(seen) == 8
    assert set(seen) == {place.read("stage/one.json")}
    assert list(place.sizes("")) == ["stage/one.json"]  # no temporary file is left


def test_a_bucket_that_is_not_there_and_a_service_that_does_not_answer(service: str) -> None:  # noqa: ARG001
    with pytest.raises(Refused, match=r"(?i)bucket"):
        Place("s3://no-such-bucket/x").create("a", b"")
    with cut_off(), pytest.raises(Unreachable, match=r"s3://away/x: it does not answer: .*127\.0\.0\.1:9"):
        Place("s3://away/x").read("a")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("carrier-pigeon://x/y", "Protocol not known: carrier-pigeon"),
        ("s3://", "no folder and no bucket"),
        ("gcs://bucket/x", r"client is not installed.*pip install .\.\[gcs\]"),
    ],
)
def test_an_address_that_is_none(address: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)  # as where the extra is not installed
    with pytest.raises(StoreError, match=why):
        Place(address)


def test_a_folder_that_is_not_mounted(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"there is no folder .*not-mounted.* Mount or make it"):
        Place(f"file://{tmp_path}/not-mounted/shared").make_folder()


def test_a_folder_that_has_gone_takes_nothing(tmp_path: Path) -> None:
    """An unmounted file system leaves its mount point: what is written there reaches nobody."""
    place = Place(f"file://{tmp_path}/mounted/shared")
    (tmp_path / "mounted").mkdir()
    place.make_folder()
    place.create("one.json", b"{}")
    shutil.rmtree(tmp_path / "mounted" / "shared")
    (tmp_path / "file").write_bytes(b"x")
    for write in (
        lambda: place.create("stage/two.json", b"{}"),
        lambda: place.upload(tmp_path / "file", "blobs/aa/bb"),
    ):
        with pytest.raises(Unreachable, match="No such file"):
            write()
    assert not list((tmp_path / "mounted").iterdir())


@pytest.mark.parametrize(
    ("error", "kind", "why"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), Refused, "No space left"),
        (PermissionError("Access Denied"), Refused, "not allowed: Access Denied.*rights"),
        (OSError("RequestTimeTooSkewed: The difference between ..."), Refused, "clock.*timedatectl"),
        (OSError("XMinioStorageFull: no room"), Refused, "no room"),
        (TimeoutError("timed out"), Unreachable, "does not answer: timed out"),
        (OSError(errno.ESTALE, "Stale file handle"), Unreachable, "Stale"),
    ],
)
def test_trouble_is_told_apart_by_what_can_be_done(error: Exception, kind: type[Exception], why: str) -> None:
    made = explained("write x", error)
    assert type(made) is kind
    with pytest.raises(kind, match=why):
        raise made
