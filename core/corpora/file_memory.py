"""What a process has read from files, kept until the files change: a page needs its sentences at every control."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

Stamp = tuple[str, int, int]
"""A file's path, its size in bytes, and the time of its last change in nanoseconds."""

_SETTLED_NS = 1_000_000_000


def bytes_of(texts: Iterable[str]) -> int:
    """Bytes that texts take in memory; a short one takes some fifty beside its letters."""
    return sum(map(sys.getsizeof, texts))


def stamp(path: Path) -> Stamp | None:
    """Give a file's stamp, or None where the file cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return str(path.absolute()), status.st_size, status.st_mtime_ns


class Memory(Generic[T]):
    """Remembers values by what determines them; the oldest goes first.

    Parameters
    ----------
    most : int
        Sum of sizes to keep at most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[Hashable, tuple[T, int]] = {}
        self._total = 0
        self._lock = threading.Lock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._known

    def find(self, key: Hashable) -> T | None:
        """The value of a key, or None."""
        known = self._known.get(key)
        return None if known is None else known[0]

    def keep(self, key: Hashable, value: T, size: int) -> None:
        """Remember a value; one that is larger than all that may be kept is kept alone."""
        with self._lock:
            if key in self._known:
                return
            while self._known and self._total + size > self._most:
                self._total -= self._known.pop(next(iter(self._known)))[1]
            self._known[key] = value, size
            self._total += size


class FileMemory(Generic[T]):
    """Remembers what was read; the oldest goes first.

    Parameters
    ----------
    most : int
        Sum of sizes to keep at most.
    size : callable
        Size of what was read, in whatever ``most`` counts; one each unless given.
    """

    def __init__(self, most: int, size: Callable[[T], int] = lambda _: 1) -> None:
        self._memory: Memory[T] = Memory(most)
        self._size = size

    def get(self, files: Sequence[Path], how: Hashable, read: Callable[[], T]) -> T:
        """Do as ``read``, but read again only if the path, size or time of a file has changed.

        Parameters
        ----------
        files : sequence of Path
            All that ``read`` reads.
        how : hashable
            What else decides what is read from them.
        read : callable
            What it raises is raised, and nothing is kept.
        """
        stamps = [found for path in files if (found := stamp(path)) is not None]
        if len(stamps) < len(files):
            return read()  # which raises with the reason
        key = (how, *stamps)
        if (known := self._memory.find(key)) is not None:
            return known
        value = read()
        # Where file times are coarse, a file written a moment ago can still change without a new time.
        if all(time.time_ns() - changed > _SETTLED_NS for _, _, changed in stamps):
            self._memory.keep(key, value, self._size(value))
        return value
