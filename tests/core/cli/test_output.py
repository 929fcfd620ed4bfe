"""Where a command may write, and what it says where it may not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.cli import output
from core.errors import SettingError

CASES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a folder for a file": (lambda root: output.check_file(root), "it is a folder"),
    "no such folder": (lambda root: output.check_file(root / "none" / "out.json"), "does not exist"),
    "a file for a folder": (lambda root: output.check_folder(root / "file", "a report"), "it is a file"),
    "below a file": (lambda root: output.check_folder(root / "file" / "report", "a report"), "Not a directory"),
    "gone meanwhile": (lambda root: output.write(root / "none" / "out.json", "text"), "No such file"),
}


@pytest.mark.parametrize("case", CASES)
def test_says_why_it_cannot_write(case: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    work, why = CASES[case]
    with pytest.raises(SettingError, match=why):
        work(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_makes_a_folder_and_leaves_no_trace_of_trying(tmp_path: Path) -> None:
    output.check_folder(tmp_path / "new" / "report", "a report")
    output.check_file(tmp_path / "new" / "out.json")
    assert not list((tmp_path / "new" / "report").iterdir())
    output.write(tmp_path / "new" / "out.json", "日本語\n")
    assert (tmp_path / "new" / "out.json").read_text(encoding="utf-8") == "日本語\n"
