"""A file is whole or as it was before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.store.disk import whole, write_whole


def test_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_whole(path, b"old")
    with whole(path) as temporary:
        temporary.write_bytes(b"new")
        assert (temporary.parent, path.read_bytes()) == (tmp_path, b"old")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_fails_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "out.json"
    write_whole(path, b"old")

    def fail() -> None:
        with whole(path) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_as_long_as_names_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("n" * os.pathconf(tmp_path, "PC_NAME_MAX"))
    write_whole(path, b"content")
    assert path.read_bytes() == b"content"


def test_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (steps.append("force to disk"), fsync(descriptor)))
    monkeypatch.setattr(Path, "replace", lambda self, to: (steps.append("rename"), replace(self, to)))
    write_whole(tmp_path / "out.json", b"content")
    assert steps == ["force to disk", "rename", "force to disk"]  # the bytes, then the name in its folder
