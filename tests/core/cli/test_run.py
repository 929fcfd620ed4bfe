"""The command line's manners: its manual, and its refusals before any work."""

from pathlib import Path

import pytest

from core.cli.main import main
from tests.helpers.command_line import command_line

REFUSALS = {
    "unknown target": (["--target", "sw"], ["'sw'", "en, de, fr"]),
    "not a language": (["--target", "klingon!"], ["klingon!"]),
    "no experts": (["--target", "ja", "--experts", "0"], ["0 experts", "at least one"]),
    "too many experts": (["--target", "ja", "--experts", "90000"], ["90,000 experts", "85,248"]),
    "strength": (["--target", "ja", "--strength", "nan"], ["strength nan", "finite"]),
    "layer": (["--target", "ja", "--layer", "19"], ["layer '19'", "0 (embeddings) to 18"]),
    "probe languages": (["--target", "ja", "--probe-languages", "ja"], ["at least two"]),
    "evaluation language": (["--target", "ja", "--languages", "ja,pl"], ["pl", "Choose among these"]),
    "corpus": (["--target", "ja", "--corpus", "flores:/no/such/folder"], ["/no/such/folder"]),
    "corpus form": (["--target", "ja", "--corpus", "shakespeare"], ["shakespeare", "flores:DIR"]),
    "model folder": (["--target", "ja", "--model", "./no-such-model"], ["no-such-model", "no such folder"]),
    "no network": (
        ["--target", "ja", "--model", "bigscience/bloom-560m"],
        ["bloom-560m", "cannot be reached"],
    ),
    "device": (["--target", "ja", "--device", "abacus"], ["abacus", "cpu"]),
    "json": (["--target", "ja", "--json", "/no/such/folder/out.json"], ["/no/such/folder/out.json"]),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_says_what_why_and_instead(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, expected = REFUSALS[case]
    status = main(["run", *arguments, "--cache", str(tmp_path)])
    said = capsys.readouterr().err
    assert status == 2
    for words in ("error:", "why:", "instead:", *expected):
        assert words in said
    assert not list(tmp_path.glob("model/*")), "refused only after the model was converted"


def test_a_ragged_table_is_refused_with_its_line(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("en,es\nOne house.,Una casa.\nTwo houses.\nA dog.,Un perro.\nA cat.,Un gato.\n", encoding="utf-8")
    done = command_line("run", "--target", "es", "--corpus", f"table:{table}", "--cache", str(tmp_path / "cache"))
    assert done.returncode == 2
    assert "line 3" in done.stderr


@pytest.mark.parametrize("command", ["run", "experts"])
def test_help_reads_like_a_manual(command: str) -> None:
    done = command_line(command, "--help")
    assert done.returncode == 0
    options = ["model", "revision", "dtype", "device", "target", "experts", "corpus", "probe-corpus", "pooling", "seed"]
    options += ["probe-languages", "probe-sentences", "cache"]
    if command == "run":
        options += ["strength", "control", "languages", "eval-sentences", "layer", "json"]
    for word in [
        *(f"--{option}" for option in options),
        "examples",
        "flores:DIR",
        "tatoeba:DIR",
        "bucc:DIR",
        "table:FILE",
        "BCP 47",
    ]:
        assert word in done.stdout


def test_an_unknown_option_is_refused_by_name() -> None:
    done = command_line("run", "--target", "ja", "--colour", "red")
    assert done.returncode == 2
    assert "--colour" in done.stderr
