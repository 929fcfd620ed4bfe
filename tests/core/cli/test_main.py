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
    """Which heavy libraries a new process has loaded after some code."""
    report = f"import sys\n{code}\nprint('LOADED', *(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", report], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("LOADED")]
    return line.split()[1:]


def test_help_loads_nothing_heavy() -> None:
    all_helps = f"""
from core.cli.main import main
for command in {HELPS!r}:
    try:
        main([*command, "--help"])
    except SystemExit as ended:
        assert ended.code == 0
    assert not set({HEAVY!r}) & set(sys.modules), command
"""
    assert loaded_by(all_helps) == []


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
