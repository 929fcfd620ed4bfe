"""Files at an address that several machines reach: a folder, or a bucket, as fsspec opens it.

What goes wrong there is told apart by what can be done about it: `Unreachable` where a later try may succeed,
`Refused` where somebody must make room or give rights.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

from core.errors import StoreError
from core.location import expanded
from core.store import disk
from core.store.temporary_folders import OLD

T = TypeVar("T")

# Protocol -> the extra of this package that brings its client.
_EXTRAS = {"s3": "s3", "s3a": "s3", "gcs": "gcs", "gs": "gcs"}
_OPTIONS: dict[str, dict[str, Any]] = {
    # A try that is not answered must not hold up what can go on without.
    "s3": {"config_kwargs": {"connect_timeout": 5, "read_timeout": 60, "retries": {"max_attempts": 2}}},
    "gcs": {"timeout": 60},
}
_OPTIONS |= {"s3a": _OPTIONS["s3"], "gs": _OPTIONS["gcs"]}
_REFUSALS = (
    "AccessDenied",
    "Forbidden",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "NoSuchBucket",
    "QuotaExceeded",
    "StorageFull",
    "ExpiredToken",
)
_PASSWORD = re.compile(r"(://[^/\s:@]*):[^/\s]*@")
_CLOCK = "RequestTimeTooSkewed"
_PART = re.compile(r"\.tmp-\d+-(?:[0-9a-f]{12}|[0-9a-f]{16})")  # as `disk.whole` and `Place._draft` name them


class Unreachable(StoreError):  # noqa: N818 - says what the place is
    """The place does not answer; a later try may succeed."""


class Refused(StoreError):  # noqa: N818 - says what was done
    """The place answers and does not allow it, or has no room."""


class Place:
    """Files below one address.

    Parameters
    ----------
    address : str
        ``file:///DIR``, ``s3://BUCKET/PREFIX``, ``gcs://BUCKET/PREFIX``, or another that fsspec knows; a path without
        a protocol is a folder. Credentials come from where its client looks for them (the environment, its files).

    Attributes
    ----------
    address : str
        To be shown: a password in it has given way to stars.
    is_folder : bool

    Raises
    ------
    StoreError
        If the protocol is not known, or its client is not installed. Nothing is asked over the network.
    """

    def __init__(self, address: str) -> None:
        protocol, separator, rest = address.partition("://")
        whole = address.rstrip("/")
        if not separator:
            protocol, rest = "file", str(expanded(address).absolute())
            whole = f"file://{rest}"
        self.address = without_password(whole)
        if not rest.strip("/"):
            raise StoreError(
                f"the shared store {self.address!r}",
                "it names no folder and no bucket",
                "Give one: s3://BUCKET/PREFIX.",
            )
        self._fs, self._base = _opened(protocol, whole)
        self.is_folder = protocol in ("file", "local")
        # A client that is not asynchronous is not known to be safe between threads.
        self._one: Any = nullcontext() if self.is_folder or self._fs.async_impl else threading.RLock()
        self._swept: set[Path] = set()

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None if there is none.

        Raises
        ------
        Unreachable, Refused
        """

        def read() -> bytes | None:
            try:
                content: bytes = self._fs.cat_file(self._path(name))
            except (FileNotFoundError, NotADirectoryError):
                return None
            return content

        return self._asked(f"read {name}", read)

    def size(self, name: str) -> int | None:
        """Bytes of a file; None if there is none. Raises as `read`."""

        def look() -> int | None:
            try:
                return int(self._fs.info(self._path(name))["size"])
            except (FileNotFoundError, NotADirectoryError):
                return None

        return self._asked(f"look at {name}", look)

    def download(self, name: str, path: Path) -> bool:
        """Copy a file into a new local one; gives whether there is such a file. Raises as `read`."""

        def get() -> bool:
            try:
                self._fs.get_file(self._path(name), str(path))
            except (FileNotFoundError, NotADirectoryError):
                return False
            return path.is_file()

        return self._asked(f"read {name}", get)

    def upload(self, path: Path, name: str) -> None:
        """Copy a local file there, whole or not at all, in place of what is there. Raises as `read`."""

        def put() -> None:
            if self.is_folder:
                with self._draft(name) as draft:
                    self._fs.put_file(str(path), str(draft))
                    disk.sync(draft)
                    self._sweep(draft)
                    draft.replace(self._path(name))
            else:
                self._fs.put_file(str(path), self._path(name))

        self._asked(f"write {name}", put)

    def create(self, name: str, content: bytes) -> bytes:
        """Write a small file unless there is one; gives what is there afterwards: ours, or what another wrote first.

        Raises
        ------
        Unreachable, Refused
        """

        def make() -> bytes:
            try:
                if self.is_folder:
                    self._link(name, content)
                else:
                    self._fs.pipe_file(self._path(name), content, mode="create")
            except FileExistsError:
                pass
            except OSError:
                # A service says in its own way that there is one (412, 409); and a try that was answered too late may
                # have been ours.
                if self._size_quietly(name) is None:
                    raise
            # Read back: a service that does not know the condition has overwritten what was there, or ours.
            there: bytes = self._fs.cat_file(self._path(name))
            return there

        return self._asked(f"write {name}", make)

    def replace(self, name: str, content: bytes) -> None:
        """Write a small file in place of the one that is there. Raises as `read`."""

        def put() -> None:
            if self.is_folder:
                disk.write_whole(Path(self._path(name)), content)
            else:
                self._fs.pipe_file(self._path(name), content)

        self._asked(f"write {name}", put)

    def sizes(self, folder: str) -> dict[str, int]:
        """Names, relative to a folder, of all files below it, and their bytes. Raises as `read`."""

        def look() -> dict[str, int]:
            base = self._path(folder)
            try:
                found = self._fs.find(base, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return {}
            return {path[len(base) :].lstrip("/"): int(facts["size"] or 0) for path, facts in found.items()}

        return self._asked(f"list {folder}", look)

    def make_folder(self) -> None:
        """Make the folder of the address where it is one and only it is missing.

        Raises
        ------
        Refused
            If the folder above is not there either: it may be a file system that is not mounted.
        """
        if self.is_folder and not Path(self._base).is_dir():
            if not Path(self._base).parent.is_dir():
                why = f"there is no folder {Path(self._base).parent}"
                raise Refused(
                    f"the shared store {self.address}", why, "Mount or make it, or name another with --shared."
                )
            self._asked("make its folder", lambda: Path(self._base).mkdir(exist_ok=True))

    def _path(self, name: str) -> str:
        return f"{self._base.rstrip('/')}/{name}"

    @contextmanager
    def _draft(self, name: str) -> Iterator[Path]:
        """A temporary name beside a file, and the folder for both.

        Raises
        ------
        FileNotFoundError
            Where the folder of the address has gone: what is written into an empty mount point reaches nobody.
        """
        path = Path(self._path(name))
        if not Path(self._base).is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._base)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".tmp-{os.getpid()}-{secrets.token_hex(8)}")
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    def _sweep(self, draft: Path) -> None:
        """Delete what others who were cut off left half-written beside a draft, once a folder.

        Nothing is locked there: a part is left by the dead once it has not changed for a day by the file system's own
        clock, which the draft, just written, shows. Should its writer live after all, it finds its part gone, and sends
        again later.
        """
        if draft.parent not in self._swept:
            self._swept.add(draft.parent)
            with suppress(OSError):
                now = draft.stat().st_mtime
                for part in draft.parent.iterdir():
                    if _PART.fullmatch(part.name):
                        _delete_if_old(part, now)

    def _link(self, name: str, content: bytes) -> None:
        """Create a file with all its content in one step; a link is exclusive on NFS as well, unlike an opening."""
        with self._draft(name) as draft:
            draft.write_bytes(content)
            disk.sync(draft)
            self._sweep(draft)
            path = Path(self._path(name))
            try:
                os.link(draft, path)
            except FileExistsError:
                raise
            except OSError:  # a file system without links
                with path.open("xb") as file:
                    file.write(content)
            with suppress(OSError):
                disk.sync(path.parent)

    def _size_quietly(self, name: str) -> int | None:
        try:
            return int(self._fs.info(self._path(name))["size"])
        except Exception:
            return None

    def _asked(self, what: str, ask: Callable[[], T]) -> T:
        """Ask the place for something; whatever its client raises becomes `Unreachable` or `Refused`."""
        try:
            with self._one:
                return ask()
        except Exception as error:  # each client has its own, and not all of them are OSErrors
            raise explained(f"{what} in the shared store {self.address}", error) from error


def without_password(text: str) -> str:
    """A text with the passwords in its addresses hidden.

    >>> without_password("ftp://me:secret@host/folder")
    'ftp://me:***@host/folder'
    """
    return _PASSWORD.sub(r"\1:***@", text)


def _delete_if_old(part: Path, now: float) -> None:
    with suppress(OSError):  # another was first, or may and this machine may not
        status = part.lstat()
        if stat.S_ISREG(status.st_mode) and now - status.st_mtime > OLD:
            part.unlink()


def explained(what: str, error: Exception) -> StoreError:
    """Turn what a client raised into words.

    Parameters
    ----------
    what : str
        What was asked for.
    """
    if isinstance(error, StoreError):
        return error
    said = _said(error)
    if _CLOCK in said:
        return Refused(
            what,
            "the clock of this machine is further from the service's than the service allows (15 minutes for S3)",
            "Set this machine's clock (timedatectl set-ntp true); what is computed meanwhile is kept and sent later.",
        )
    no_room = isinstance(error, OSError) and error.errno in disk.NO_ROOM
    if isinstance(error, PermissionError) or type(error).__name__ == "NoCredentialsError":
        instead = "Ask for rights to list, read and write there, or see that the credentials are found."
        return Refused(what, f"it is not allowed: {said}", instead)
    if no_room or any(name in said for name in _REFUSALS):
        return Refused(what, f"the service says: {said}", "Make room, put right what it names, or name another place.")
    return Unreachable(
        what, f"it does not answer: {said}", "Check the address and the network, or leave --shared out for now."
    )


def _said(error: BaseException) -> str:
    """What an error and its causes say, in one line; services put their code into a cause."""
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(parts) < 3:
        text = " ".join(str(getattr(cause, "strerror", None) or cause).split()) or type(cause).__name__
        if not any(text in part for part in parts):
            parts.append(text)
        cause = cause.__cause__
    return without_password("; ".join(parts))[:300]


def _opened(protocol: str, address: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    shown = without_password(address)
    try:
        fs, base = url_to_fs(address, use_listings_cache=False, **_OPTIONS.get(protocol, {}))
    except ImportError as error:
        extra = _EXTRAS.get(protocol)
        instead = f"In the checkout: pip install '.[{extra}]'." if extra else "Install the package that it names."
        raise StoreError(f"the shared store {shown}", f"its client is not installed ({error})", instead) from error
    except ValueError as error:
        raise StoreError(
            f"the shared store {shown}",
            without_password(f"{error}"),
            "Give file:///DIR, s3://BUCKET/PREFIX or gcs://BUCKET/PREFIX.",
        ) from error
    except Exception as error:
        raise explained(f"open the shared store {shown}", error) from error
    return fs, str(base)
