"""Where a command may write, and what it says where it may not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.cli import output
from core.cli.main import main
from core.errors import SettingError
from tests.helpers.command_line import ROOT

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


def test_a_summary_gives_way_whichever_file_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("a summary", Path("out.json"), None, output.STANDARD)
    assert capsys.readouterr() == ("", "a summary\n")
    output.say("a summary", Path("out.json"), None)
    assert capsys.readouterr() == ("a summary\n", "")


def test_a_link_stays_and_a_file_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    file, link, dangling = tmp_path / "there" / "out.json", tmp_path / "link.json", tmp_path / "new.json"
    file.write_text("old", encoding="utf-8")
    file.chmod(0o640)
    link.symlink_to(file)
    dangling.symlink_to(tmp_path / "there" / "new.json")
    for path in (link, dangling):
        output.check_file(path)
        output.write(path, "new")
    assert (file.read_text(encoding="utf-8"), file.stat().st_mode & 0o777) == ("new", 0o640)
    assert (tmp_path / "there" / "new.json").read_text(encoding="utf-8") == "new"
    assert (link.is_symlink(), dangling.is_symlink()) == (True, True)
    assert len(list((tmp_path / "there").iterdir())) == 2


def test_a_device_and_a_fifo_are_written_through(tmp_path: Path) -> None:
    output.check_file(Path(os.devnull))
    output.write(Path(os.devnull), "text")
    assert Path(os.devnull).is_char_device()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    output.check_file(fifo)  # neither waits for the reader nor lets it see an end
    with ThreadPoolExecutor() as pool:
        read = pool.submit(fifo.read_text, encoding="utf-8")
        output.write(fifo, "text")
        assert read.result(timeout=60) == "text"
    assert fifo.is_fifo()


def test_a_full_device_is_refused_in_words() -> None:
    with pytest.raises(SettingError, match="No space left"):
        output.write(Path("/dev/full"), "text")


def test_a_pack_is_not_written_to_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["pack", "--experiment", "none.json", "--out", "-"]) == 2
    assert "write a pack to standard output" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


WRITES = """
import sys
from pathlib import Path
from core.cli import output
output.check_file(Path(sys.argv[1]))
print("before")
output.write(Path(sys.argv[1]), '{"text": "caf\\xe9 \\udc80"}\\n')
output.say("a summary", Path(sys.argv[1]))
"""


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "the file itself"])
@pytest.mark.parametrize("to", ["file", "pipe"])
def test_standard_output_holds_what_is_written_and_no_summary(name: str, to: str, tmp_path: Path) -> None:
    if (name, to) == ("the file itself", "pipe"):
        name = "/proc/self/fd/1"
    path = tmp_path / "out.txt"
    with path.open("wb") as file:
        done = subprocess.run(
            [sys.executable, "-c", WRITES, str(path) if name == "the file itself" else name],
            cwd=ROOT,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            stdout=file if to == "file" else subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    assert done.stderr == b"a summary\n"
    written = path.read_bytes() if to == "file" else done.stdout
    assert written.splitlines()[0] == b"before"
    assert json.loads(written.splitlines()[1]) == {"text": "café \udc80"}
