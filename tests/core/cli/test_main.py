"""The whole command line: what it loads to answer with help, and that a command is one entry."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from core.cli import main
from core.cli.command import Command
from tests.helpers.command_line import ROOT

HEAVY = ("torch", "transformers", "pandas", "scipy", "sklearn", "streamlit", "numba", "pyarrow", "altair", "umap")
HELPS = [
    [],
    *([command.name] for command in main.COMMANDS),
    ["data", "get"],
]


def loaded_by(code: str) -> list[str]:
    """Which heavy libraries a new process has loaded after some code, whatever way the code ends."""
    report = f"import sys\ntry:\n    {code}\nfinally:\n    print('LOADED', *(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", report], cwd=ROOT, capture_output=True, text=True, timeout=300)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("LOADED")]
    return line.split()[1:]


@pytest.mark.parametrize("command", HELPS, ids=lambda words: " ".join(words) or "whole")
def test_help_loads_nothing_heavy(command: list[str]) -> None:
    assert loaded_by(f"from core.cli.main import main; main({[*command, '--help']!r})") == []


def test_the_tables_of_choices_load_nothing_heavy() -> None:
    assert loaded_by("from core import METHODS, SCORES, Experiment; import core.experiment.names") == []
    assert loaded_by("import core.pipeline.run") != [], "the check sees what is loaded"


def test_a_command_is_one_entry(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--loud", action="store_true")

    command = Command("hello", "greet", "Greets.", options, lambda said: print("HELLO" if said.loud else "hello"))
    monkeypatch.setattr(main, "COMMANDS", (*main.COMMANDS, command))
    assert main.main(["hello", "--loud"]) == 0
    assert capsys.readouterr().out == "HELLO\n"
    with pytest.raises(SystemExit):
        main.main(["--help"])
    assert "greet" in capsys.readouterr().out
