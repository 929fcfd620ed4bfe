"""A download ends with the file that is meant, or with nothing under its name; what has arrived is not sent twice."""

from __future__ import annotations

import errno
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.corpora.download.http import Unavailable, fetch
from core.corpora.download.remote import RemoteFile
from core.errors import DataError
from tests.helpers.file_server import PublishedFile, Site, serving

CONTENT = random.Random(1).randbytes(300_000)
OTHER = random.Random(2).randbytes(250_000)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as found:
        found.files["a.bin"] = PublishedFile(CONTENT)
        yield found


def remote(site: Site, content: bytes | None = CONTENT) -> RemoteFile:
    """The file, with the checksum of what it should be; without any where that is None."""
    sha256 = None if content is None else hashlib.sha256(content).hexdigest()
    return RemoteFile(site.url("a.bin"), "a.bin", None if content is None else len(content), sha256)


def refused(asked: RemoteFile, folder: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        fetch(asked, folder)
    assert asked.url in caught.value.what
    assert caught.value.why
    assert caught.value.instead
    return caught.value


def broken_off(site: Site, folder: Path, asked: RemoteFile, after: int = 100_000) -> None:
    """A first try, which gets so far."""
    site.files["a.bin"].breaks_after = after
    assert f"broke off after {after:,} of 300,000 bytes" in refused(asked, folder).why
    site.files["a.bin"].breaks_after = None
    assert (folder / "a.bin.part").read_bytes() == CONTENT[:after]
    assert not (folder / "a.bin").exists()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_alone(site, tmp_path):
    counted: list[int] = []
    found = fetch(remote(site), tmp_path, counted.append)
    assert found.path.read_bytes() == CONTENT
    assert (found.size, found.sha256, found.checked) == (300_000, hashlib.sha256(CONTENT).hexdigest(), True)
    assert sum(counted) == 300_000
    assert names(tmp_path) == ["a.bin"]


def test_a_file_that_is_there_is_checked_and_not_asked_for(site, tmp_path):
    fetch(remote(site), tmp_path)
    counted: list[int] = []
    assert fetch(remote(site), tmp_path, counted.append).sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert len(site.requests) == 1
    assert sum(counted) == 300_000
    (tmp_path / "a.bin").write_bytes(OTHER)
    assert "sha256" in refused(remote(site), tmp_path).why
    assert names(tmp_path) == ["a.bin.wrong"]


def test_without_a_known_checksum_the_one_found_is_given_and_said_to_be_unchecked(site, tmp_path):
    found = fetch(remote(site, None), tmp_path)
    assert (found.sha256, found.checked) == (hashlib.sha256(CONTENT).hexdigest(), False)


@pytest.mark.parametrize("known", [CONTENT, None])
def test_a_broken_off_download_goes_on_where_it_was(known, site, tmp_path):
    broken_off(site, tmp_path, remote(site, known))
    counted: list[int] = []
    found = fetch(remote(site, known), tmp_path, counted.append)
    assert site.last["Range"] == "bytes=100000-"
    assert site.last["If-Range"] == '"one"'
    assert site.sent == [100_000, 200_000]
    assert found.path.read_bytes() == CONTENT
    assert sum(counted) == 300_000
    assert names(tmp_path) == ["a.bin"]


def test_a_file_that_changed_meanwhile_is_sent_again_from_the_start(site, tmp_path):
    broken_off(site, tmp_path, remote(site, None))
    site.files["a.bin"] = PublishedFile(OTHER, etag='"two"')
    assert fetch(remote(site, None), tmp_path).path.read_bytes() == OTHER
    assert site.last["Range"] == "bytes=100000-"
    assert site.sent[-1] == len(OTHER)


def test_a_server_that_cannot_send_a_part_sends_all(site, tmp_path):
    site.files["a.bin"].ranges = False
    broken_off(site, tmp_path, remote(site))
    assert fetch(remote(site), tmp_path).path.read_bytes() == CONTENT
    assert site.sent == [100_000, 300_000]


def test_without_a_name_for_the_version_only_a_known_checksum_lets_it_go_on(site, tmp_path):
    site.files["a.bin"].etag = None
    for known, expected in ((CONTENT, "bytes=100000-"), (None, None)):
        folder = tmp_path / str(expected)
        folder.mkdir()
        broken_off(site, folder, remote(site, known))
        assert fetch(remote(site, known), folder).path.read_bytes() == CONTENT
        assert site.last.get("Range") == expected
        assert "If-Range" not in site.last


def test_the_date_names_the_version_where_the_etag_is_weak(site, tmp_path):
    site.files["a.bin"].etag = 'W/"one"'
    site.files["a.bin"].modified = "Wed, 21 Oct 2015 07:28:00 GMT"
    broken_off(site, tmp_path, remote(site, None))
    fetch(remote(site, None), tmp_path)
    assert site.last["If-Range"] == "Wed, 21 Oct 2015 07:28:00 GMT"
    assert site.sent == [100_000, 200_000]


def test_what_is_left_of_another_address_is_not_gone_on_with(site, tmp_path):
    broken_off(site, tmp_path, remote(site, None))
    site.files["b.bin"] = PublishedFile(OTHER)
    asked = RemoteFile(site.url("b.bin"), "a.bin")
    assert fetch(asked, tmp_path).path.read_bytes() == OTHER
    assert "Range" not in site.last


def test_more_than_the_whole_file_is_not_gone_on_with(site, tmp_path):
    broken_off(site, tmp_path, remote(site, None))
    (tmp_path / "a.bin.part").write_bytes(CONTENT + b"more")
    assert fetch(remote(site, None), tmp_path).path.read_bytes() == CONTENT
    assert site.requests[-2][1]["Range"] == "bytes=300004-"  # which the server has not
    assert "Range" not in site.last


def test_a_whole_file_that_lacks_only_its_name_is_not_asked_for(site, tmp_path):
    broken_off(site, tmp_path, remote(site))
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    asked = len(site.requests)
    assert fetch(remote(site), tmp_path).path.read_bytes() == CONTENT
    assert len(site.requests) == asked


def test_a_part_that_begins_elsewhere_is_not_put_behind_what_is_here(site, tmp_path):
    broken_off(site, tmp_path, remote(site, None))
    site.files["a.bin"].shifted = 10
    assert fetch(remote(site, None), tmp_path).path.read_bytes() == CONTENT
    assert "Range" not in site.last


def test_a_server_that_sends_a_part_unasked_is_refused(site, tmp_path):
    site.files["a.bin"].status = 206
    assert "a part where all was asked for" in refused(remote(site), tmp_path).why
    assert names(tmp_path) == []


@pytest.mark.parametrize("left", ["", "[]", "{}", '{"url": 1}', "\udcff"])
def test_a_damaged_note_of_what_is_left_means_from_the_start(left, site, tmp_path):
    broken_off(site, tmp_path, remote(site))
    (tmp_path / "a.bin.part.json").write_bytes(left.encode("utf-8", "surrogateescape"))
    assert fetch(remote(site), tmp_path).path.read_bytes() == CONTENT
    assert "Range" not in site.last


def test_a_file_with_another_checksum_is_put_aside_and_never_used(site, tmp_path):
    site.files["a.bin"].content = OTHER
    error = refused(remote(site), tmp_path)
    assert hashlib.sha256(OTHER).hexdigest() in error.why
    assert hashlib.sha256(CONTENT).hexdigest() in error.why
    assert str(tmp_path / "a.bin.wrong") in error.instead
    assert names(tmp_path) == ["a.bin.wrong"]
    assert (tmp_path / "a.bin.wrong").read_bytes() == OTHER
    site.files["a.bin"].content = CONTENT
    assert fetch(remote(site), tmp_path).path.read_bytes() == CONTENT
    assert "Range" not in site.last


def test_parts_of_two_versions_under_one_etag_are_found_out(site, tmp_path):
    broken_off(site, tmp_path, remote(site))
    site.files["a.bin"].content = OTHER + CONTENT[250_000:]
    assert "sha256" in refused(remote(site), tmp_path).why
    assert names(tmp_path) == ["a.bin.wrong"]


@pytest.mark.parametrize(("status", "instead"), [(404, "moved"), (403, "moved"), (503, "later"), (429, "later")])
def test_what_the_server_refuses_is_said_and_nothing_lost(status, instead, site, tmp_path):
    broken_off(site, tmp_path, remote(site))
    site.files["a.bin"].status = status
    error = refused(remote(site), tmp_path)
    assert isinstance(error, Unavailable)
    assert f"answers {status}" in error.why
    assert instead in error.instead
    assert (tmp_path / "a.bin.part").read_bytes() == CONTENT[:100_000]


def test_without_a_network_it_says_so_and_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as gone:
        gone.files["a.bin"] = PublishedFile(CONTENT)
        asked = remote(gone)
        broken_off(gone, tmp_path, asked)
    error = refused(asked, tmp_path)
    assert isinstance(error, Unavailable)
    assert "cannot be reached" in error.why
    assert "network" in error.instead
    assert (tmp_path / "a.bin.part").read_bytes() == CONTENT[:100_000]


def test_a_full_disk_is_said_and_what_has_arrived_is_kept(site, tmp_path, monkeypatch):
    real = Path.open

    def full(self: Path, *arguments: Any, **options: Any) -> Any:
        file = real(self, *arguments, **options)
        if self.suffix != ".part":
            return file
        write = file.write

        class Full:
            def __enter__(self) -> Any:
                return self

            def __exit__(self, *_: object) -> None:
                file.close()

            def __getattr__(self, name: str) -> Any:
                return getattr(file, name)

            def write(self, data: bytes) -> int:
                if file.tell() + len(data) > 150_000:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return int(write(data))

        return Full()

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        error = refused(remote(site), tmp_path)
    assert "no room left" in error.why
    assert "kept" in error.instead
    here = (tmp_path / "a.bin.part").stat().st_size
    assert 0 < here <= 150_000
    assert fetch(remote(site), tmp_path).path.read_bytes() == CONTENT
    assert site.last["Range"] == f"bytes={here}-"
