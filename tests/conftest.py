"""What all tests share: the embedded model converted once, and a small real experiment run once by the command line."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["HF_HUB_OFFLINE"] = "1"  # no network at test time

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Small enough to run within a minute, large enough to show the effect.
SETTINGS = {"target": "ja", "experts": 2000, "strength": 1.0, "languages": "en,es,ja,zh", "probe": 40, "eval": 40}


@dataclass(frozen=True)
class EmbeddedRun:
    """A real experiment on the embedded model: where its artefacts are, and what the command line wrote."""

    cache: Path
    result: dict[str, Any]
    output: str


def command_line(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m core ...`` as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "core", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=900,
    )


def run_arguments(**changes: Any) -> list[str]:
    """The command line of the small experiment, with changes."""
    asked = {**SETTINGS, **changes}
    return [
        "run",
        *("--target", asked["target"], "--experts", str(asked["experts"]), "--strength", str(asked["strength"])),
        *("--languages", asked["languages"], "--probe-languages", "de,en,es,ja,ru,zh"),
        *("--probe-sentences", str(asked["probe"]), "--eval-sentences", str(asked["eval"])),
    ]


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedRun:
    """The small experiment on the embedded model, run once a session from nothing."""
    folder = tmp_path_factory.mktemp("embedded")
    cache, out = folder / "cache", folder / "out.json"
    done = command_line(*run_arguments(), "--cache", str(cache), "--json", str(out))
    assert done.returncode == 0, done.stderr
    return EmbeddedRun(cache, json.loads(out.read_text(encoding="utf-8")), done.stdout)
