"""The command ``language-neurons``: the command line of `core`, and ``language-neurons dashboard``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from core.cli.main import main as command_line

NAME = "language-neurons"
_SUMMARY = "start the dashboard and say where it is"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status, as `core.cli.ending.guarded` says."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["dashboard"]:
        from dashboard.__main__ import main as serve

        return serve(given[1:], f"{NAME} dashboard")
    return command_line(given, name=NAME, others={"dashboard": _SUMMARY})
