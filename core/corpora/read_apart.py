"""Reads a table of sentences in a process of its own, within limits of memory and time.

A file from a stranger may crash the library that reads it, or be made to take all memory or to go on without end; then
that process ends, and the one that asked says so.
"""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import access, serialisation, subprocesses
from core.corpora.corpus import Corpus
from core.errors import CorpusError
from core.location import default_cache

LARGE = 1 << 20
"""Bytes of a text file from which it is read apart: what is smaller is read faster than a process starts."""

NO_MEMORY = 3
"""The status with which the process ends where the memory that it may take is too little."""

_at_once = threading.BoundedSemaphore(2)  # so that many tables together do not take many times the memory
_of_uploads = threading.BoundedSemaphore(1)  # of these two, so that uploads leave one for what the server lists


@dataclass(frozen=True)
class Limits:
    """What reading a table may take.

    Attributes
    ----------
    memory : int
        Bytes; half the machine's where that is less. The largest table takes some ten times its 256 MB, as Python's
        objects.
    seconds : int
        Of the processor.
    wait : float
        Seconds altogether: a file system may not answer.
    contents : int
        Bytes of what it holds, as text: whoever asked reads that in its own memory.
    """

    memory: int = 4 << 30
    seconds: int = 60
    wait: float = 180.0
    contents: int = 1 << 29


OF_UPLOADS = Limits(seconds=30, contents=1 << 26)
"""For what a visitor brings, which has at most 50 MB as a file."""


def is_due(path: Path) -> bool:
    """Whether a table is to be read apart: where the server says so, and one that is large or not plain text."""
    if not access.reads_tables_apart():
        return False
    try:
        large = path.stat().st_size > LARGE
    except OSError:  # reading it says what is amiss
        return False
    return large or not {".parquet", ".gz"}.isdisjoint(map(str.lower, path.suffixes))


def read(spec: str, path: Path, name: str | None, limits: Limits | None = None) -> Corpus:
    """Read a table, as `core.corpora.table_corpus.load_table` does.

    Parameters
    ----------
    spec, path, name
        As there.
    limits : Limits, optional
        Those of the place where it lies unless given.

    Raises
    ------
    CorpusError
        As there; or where it holds too much, or the process ended before it had read the table.
    """
    what = f"corpus {name or spec!r}"
    uploaded = path.resolve().parent == (default_cache() / access.UPLOADS).resolve()
    limits = limits or (OF_UPLOADS if uploaded else Limits())
    with _of_uploads if uploaded else nullcontext(), _at_once:  # until it is decoded, which takes memory too
        return _read(what, json.dumps([spec, str(path), name]), limits)


def _read(what: str, asked: str, limits: Limits) -> Corpus:
    memory = min(limits.memory, subprocesses.machine_memory() // 2)
    try:
        done = subprocess.run(
            subprocesses.command("core.corpora.table_reader", str(memory), str(limits.seconds), str(limits.contents)),
            input=asked.encode("ascii"),
            stdout=subprocess.PIPE,
            env=subprocesses.environment() | {access.TABLES: ""},
            timeout=limits.wait,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _ended(what, f"took more than {limits.wait:g} seconds") from None
    if done.returncode:
        raise _ended(what, _how(done.returncode, limits.seconds, memory))
    return _corpus(what, json.loads(done.stdout.decode("utf-8", "surrogatepass")))


def _corpus(what: str, said: dict[str, Any]) -> Corpus:
    if "refused" in said:
        raise CorpusError(*map(str, said["refused"]))
    corpus = serialisation.decode(said["corpus"])
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
