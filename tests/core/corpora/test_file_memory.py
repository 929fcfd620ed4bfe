"""What was read is read again only when a file has changed, and the oldest is forgotten first."""

from __future__ import annotations

import os
import sys
import tracemalloc
from pathlib import Path

import pytest

from core.corpora.file_memory import FileMemory, bytes_of, stamp

LONG_AGO = 10**18


def written(path: Path, text: str, time: int = LONG_AGO) -> Path:
    path.write_text(text)
    os.utime(path, ns=(time, time))
    return path


def test_files_are_read_once_until_one_changes(tmp_path: Path) -> None:
    files = [written(tmp_path / "a", "one"), written(tmp_path / "b", "two")]
    memory: FileMemory[str] = FileMemory(most=4)

    def read() -> str:
        reads.append("")
        return "".join(path.read_text() for path in files)

    reads: list[str] = []
    assert [memory.get(files, None, read) for _ in range(3)] == ["onetwo"] * 3
    assert len(reads) == 1
    assert memory.get(files, "otherwise", read) == "onetwo"
    written(files[1], "six", LONG_AGO + 1)
    assert memory.get(files, None, read) == "onesix"
    assert len(reads) == 3


def test_a_file_that_was_just_written_is_read_each_time(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    memory: FileMemory[object] = FileMemory(most=4)
    assert memory.get([path], None, object) is not memory.get([path], None, object)


def test_the_oldest_goes_first_and_sizes_count(tmp_path: Path) -> None:
    files = {name: written(tmp_path / name, name) for name in ("aa", "bbb", "c", "dddddddd")}
    memory: FileMemory[str] = FileMemory(most=5, size=len)
    reads: list[str] = []

    def get(name: str) -> None:
        memory.get([files[name]], None, lambda: reads.append(name) or name)

    for name in ("aa", "bbb", "aa", "c", "bbb", "aa", "dddddddd", "dddddddd"):
        get(name)
    assert reads == ["aa", "bbb", "c", "aa", "dddddddd"]


def test_what_cannot_be_read_says_so_and_is_not_kept(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert stamp(missing) is None
    memory: FileMemory[str] = FileMemory(most=4)
    with pytest.raises(FileNotFoundError):
        memory.get([missing], None, missing.read_text)
    assert memory.get([written(missing, "there")], None, missing.read_text) == "there"


def test_texts_count_with_what_each_takes_beside_its_letters() -> None:
    """Two million cells of one letter take a hundred megabytes, not two."""
    texts = [chr(code) for code in range(0x4E00, 0x4E00 + 5000)]
    tracemalloc.start()
    kept = [f"{text}x" for text in texts]
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert bytes_of(kept) == pytest.approx(taken - sys.getsizeof(kept), rel=0.1)
