"""Reads a table of sentences in a process of its own, within limits of memory and time.

A file from a stranger may crash the library that reads it, or be made to take all memory or to go on without end; then
that process ends, and the one that asked says so.
"""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

from core import access, subprocesses, wire
from core.corpora.corpus import Corpus
from core.errors import CorpusError

LARGE = 1 << 20
"""Bytes of a text file from which it is read apart: what is smaller is read faster than a process starts."""

NO_MEMORY = 3
"""The status with which the process ends where the memory that it may take is too little."""

_MOST_MEMORY = 4 << 30  # bytes; the largest table that is read takes some ten times its 256 MB, as Python's objects
_MOST_SECONDS, _MOST_WAIT = 60, 180  # of the processor, and of the clock
_at_once = threading.BoundedSemaphore(2)  # so that many uploads together do not take many times the memory


def is_due(path: Path) -> bool:
    """Whether a table is to be read apart: where the server says so, and one that is large or not plain text."""
    if not access.reads_tables_apart():
        return False
    try:
        large = path.stat().st_size > LARGE
    except OSError:  # reading it says what is amiss
        return False
    return large or not {".parquet", ".gz"}.isdisjoint(map(str.lower, path.suffixes))


def read(
    spec: str,
    path: Path,
    name: str | None,
    *,
    most_memory: int = _MOST_MEMORY,
    most_seconds: int = _MOST_SECONDS,
    most_wait: float = _MOST_WAIT,
) -> Corpus:
    """Read a table, as `core.corpora.table_corpus.load_table` does.

    Parameters
    ----------
    spec, path, name
        As there.
    most_memory : int
        Bytes that reading may take; half the machine's where that is less.
    most_seconds : int
        Seconds of the processor's time.
    most_wait : float
        Seconds altogether: a file system may not answer.

    Raises
    ------
    CorpusError
        As there; or where the process ended before it had read the table.
    """
    what = f"corpus {name or spec!r}"
    asked = json.dumps([spec, str(path), name])
    limits = (min(most_memory, subprocesses.machine_memory() // 2), most_seconds)
    with _at_once:
        try:
            done = subprocess.run(
                subprocesses.command("core.corpora.table_reader", *map(str, limits)),
                input=asked.encode("ascii"),
                stdout=subprocess.PIPE,
                env=subprocesses.environment() | {access.TABLES: ""},
                timeout=most_wait,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _ended(what, f"took more than {most_wait:g} seconds") from None
    if done.returncode:
        raise _ended(what, _how(done.returncode, most_seconds, limits[0]))
    return _corpus(what, json.loads(done.stdout.decode("utf-8", "surrogatepass")))


def _corpus(what: str, said: dict[str, Any]) -> Corpus:
    if "refused" in said:
        raise CorpusError(*map(str, said["refused"]))
    corpus = wire.decode(said["corpus"])
    if not isinstance(corpus, Corpus):
        raise _ended(what, "gave no table")
    return corpus


def _how(status: int, seconds: int, memory: int) -> str:
    if status == NO_MEMORY:
        return f"took more than {memory / 1e9:.1f} GB of memory"
    if status == -getattr(signal, "SIGXCPU", status + 1):
        return f"took more than {seconds} second{'s' * (seconds != 1)} of the processor"
    return subprocesses.ending(status)


def _ended(what: str, how: str) -> CorpusError:
    return CorpusError(what, f"the process that reads it {how}", "Take fewer rows, or write the file again.")
