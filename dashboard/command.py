"""The command ``language-neurons``: the command line of `core`, and ``language-neurons dashboard``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from core.cli.main import main as command_line

NAME = "language-neurons"
_SUMMARY = "start the dashboard and say where it is"
_DESCRIPTION = (
    "Starts the dashboard, a web page at http://127.0.0.1:8501 that shows what the commands compute. "
    "Other options are given to streamlit run, such as --server.address 0.0.0.0."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status, as `core.cli.ending.guarded` says."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["dashboard"]:
        return _dashboard(given[1:])
    return command_line(given, name=NAME, others={"dashboard": _SUMMARY})


def _dashboard(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog=f"{NAME} dashboard", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("--port", type=int, default=8501, metavar="N", help="of the page (default: %(default)s)")
    options, others = parser.parse_known_args(given)
    # It imports every page and what they need, which takes seconds: not for the other commands, nor for --help.
    from dashboard.__main__ import main as serve

    sys.argv = ["dashboard", "--server.port", str(options.port), *others]
    return serve()
