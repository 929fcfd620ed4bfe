"""The command line as a person runs it, and a small real experiment for it to run."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
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
    settings = {**SETTINGS, **changes}
    return [
        "run",
        *(
            "--target",
            settings["target"],
            "--experts",
            str(settings["experts"]),
            "--strength",
            str(settings["strength"]),
        ),
        *("--languages", settings["languages"], "--probe-languages", "de,en,es,ja,ru,zh"),
        *("--probe-sentences", str(settings["probe"]), "--eval-sentences", str(settings["eval"])),
    ]
