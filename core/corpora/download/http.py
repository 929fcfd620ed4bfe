"""Downloads one file: streamed to a temporary name, resumed where it broke off, checked, then renamed."""

from __future__ import annotations

import errno
import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from core.corpora.download.remote import RemoteFile
from core.errors import DataError
from core.store.disk import sha256_of, sync

_CHUNK = 1 << 16
_PATIENCE = 30.0  # seconds without a byte
_AGENT = "language-neurons"


class Unavailable(DataError):  # noqa: N818 - reads as what it is, wherever it is caught
    """A file cannot be downloaded from where it is published, or its content is not the known one."""


@dataclass(frozen=True)
class DownloadedFile:
    """A file that was downloaded completely: its place, bytes, sha256, and whether the sha256 was known beforehand."""

    path: Path
    size: int
    sha256: str
    checked: bool


def fetch(remote: RemoteFile, folder: Path, advance: Callable[[int], None] = lambda _: None) -> DownloadedFile:
    """Download a file into a folder, unless it is there; continue an earlier, interrupted try.

    ``NAME.part`` holds the bytes received so far, ``NAME.part.json`` which file and version they are from. The header
    If-Range makes the server send the rest only if the file is unchanged; otherwise, or if it cannot send a part, it
    sends everything again.

    Parameters
    ----------
    folder : Path
        An existing folder that nothing else writes to.
    advance : callable
        Called with each number of bytes that is present, those of an earlier try included.

    Raises
    ------
    DataError
        No network, refused by the server, broken off (what has arrived is kept), no room on the disk (likewise), or not
        the file whose checksum is known: it is put aside as ``NAME.wrong``.
    """
    target, partial = folder / remote.name, folder / f"{remote.name}.part"
    if not target.exists():
        _complete(remote, partial, advance)
        fetched = _checked(remote, partial)
        with _on_disk(remote, partial):
            sync(partial)
            partial.replace(target)
            _memo(partial).unlink(missing_ok=True)
            sync(folder)
        return DownloadedFile(target, fetched.size, fetched.sha256, fetched.checked)
    advance(target.stat().st_size)
    return _checked(remote, target)


def _complete(remote: RemoteFile, partial: Path, advance: Callable[[int], None]) -> None:
    """Download the missing part of a file."""
    start, validator = _resumable(remote, partial)
    if start and start == remote.size:
        advance(start)
        return
    headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-"} | ({"If-Range": validator} if validator else {})
    with _response_to(remote, headers) as response:
        whole = response is not None and response.status != HTTPStatus.PARTIAL_CONTENT
        if response is not None and (whole or _continues(response, start)):
            if whole:
                start = 0
                _remember(remote, partial, response)
            advance(start)
            _receive(remote, response, partial, start, advance)
            return
    if not start:
        raise Unavailable(
            f"download {remote.url}", "the server sends a part where all was asked for", "Try again later."
        )
    # The server has nothing after the bytes received, or sends from another place: download everything again.
    _forget(partial)
    _complete(remote, partial, advance)


def _receive(
    remote: RemoteFile, response: http.client.HTTPResponse, partial: Path, start: int, advance: Callable[[int], None]
) -> None:
    """Write what the server sends after the first ``start`` bytes."""
    received, length = start, response.headers.get("Content-Length", "")
    expected = start + int(length) if length.isdigit() else None
    with _on_disk(remote, partial), partial.open("r+b" if partial.exists() else "wb") as file:
        file.truncate(start)
        file.seek(start)
        while True:
            try:
                chunk = response.read(_CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise _broken_off(remote, received, expected, str(error) or type(error).__name__) from error
            if not chunk:
                break
            file.write(chunk)
            file.flush()  # so that the next try can continue from here, whatever ends this one
            received += len(chunk)
            advance(len(chunk))
    if expected is not None and received < expected:
        raise _broken_off(remote, received, expected, "the connection ended early")


@contextmanager
def _response_to(remote: RemoteFile, headers: dict[str, str]) -> Iterator[http.client.HTTPResponse | None]:
    """Send a request and give the response; None if the server has nothing in the requested range."""
    what = f"download {remote.url}"
    try:
        response = urllib.request.urlopen(urllib.request.Request(remote.url, headers=headers), timeout=_PATIENCE)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and "Range" in headers:
            yield None
            return
        why = f"the server answers {error.code} {error.reason}"
        busy = error.code >= 500 or error.code in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
        raise Unavailable(what, why, "Try again later." if busy else "It may have moved: look at its page.") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        why = f"the server cannot be reached ({reason})"
        raise Unavailable(what, why, "Check the network and try again; what has arrived so far is kept.") from error
    with response:
        yield response


def _resumable(remote: RemoteFile, partial: Path) -> tuple[int, str | None]:
    """Number of bytes of an earlier try that can be continued, and the server's name for their version."""
    try:
        memo = json.loads(_memo(partial).read_text(encoding="utf-8"))
        size = partial.stat().st_size
    except (OSError, ValueError):
        return _forget(partial)
    if not isinstance(memo, dict) or memo.get("url") != remote.url:
        return _forget(partial)
    validator = memo.get("validator")
    # Without a name for the version, only the checksum can show whether both parts belong to one file.
    if not isinstance(validator, str) and not remote.sha256:
        return _forget(partial)
    if remote.size is not None and size > remote.size:
        return _forget(partial)
    return size, validator if isinstance(validator, str) else None


def _forget(partial: Path) -> tuple[int, None]:
    for path in (partial, _memo(partial)):
        with suppress(FileNotFoundError):
            path.unlink()
    return 0, None


def _remember(remote: RemoteFile, partial: Path, response: http.client.HTTPResponse) -> None:
    """Record which file and version the coming bytes are from, before the first of them is written."""
    etag = response.headers.get("ETag", "")
    # A weak ETag does not promise the same bytes, and is not allowed in If-Range.
    validator = etag if etag.startswith('"') else response.headers.get("Last-Modified")
    with _on_disk(remote, partial):
        _forget(partial)
        _memo(partial).write_text(json.dumps({"url": remote.url, "validator": validator}), encoding="utf-8")


def _memo(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.json")


def _continues(response: http.client.HTTPResponse, start: int) -> bool:
    """Whether the response begins where the bytes received so far end."""
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return start > 0 and match is not None and int(match[1]) == start


def _broken_off(remote: RemoteFile, received: int, expected: int | None, reason: str) -> DataError:
    of = f" of {expected:,}" if expected else ""
    return DataError(
        f"download {remote.url}",
        f"it broke off after {received:,}{of} bytes ({reason})",
        "Give the same command again: it goes on from there.",
    )


@contextmanager
def _on_disk(remote: RemoteFile, partial: Path) -> Iterator[None]:
    """Explain an error of the file system."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = f"there is no room left in {partial.parent}" if full else f"the system says: {error.strerror or error}"
        instead = "Make room" if full else f"Allow writing in {partial.parent}"
        raise DataError(
            f"download {remote.url}", why, f"{instead} and give the same command again: what has arrived is kept."
        ) from error


def _checked(remote: RemoteFile, path: Path) -> DownloadedFile:
    """Compare a complete file with the known checksum; if it differs, move the file aside and raise."""
    fetched = DownloadedFile(path, path.stat().st_size, sha256_of(path), remote.sha256 is not None)
    if remote.sha256 in (None, fetched.sha256):
        return fetched
    wrong = path.with_name(f"{remote.name}.wrong")
    path.replace(wrong)
    _forget(path)
    raise Unavailable(
        f"download {remote.url}",
        f"its sha256 is {fetched.sha256} ({fetched.size:,} bytes), not {remote.sha256}",
        f"Try again; if it stays so, the published file is another than the one known here. Put aside, unused: {wrong}",
    )


def as_json(fetched: DownloadedFile, remote: RemoteFile) -> dict[str, Any]:
    """Return the entry of a file in the record of a download."""
    return {
        "name": remote.name,
        "url": remote.url,
        "bytes": fetched.size,
        "sha256": fetched.sha256,
        "known_beforehand": fetched.checked,
    }
