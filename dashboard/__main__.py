"""Start the dashboard: ``python -m dashboard``; options that are not its own are given to ``streamlit run``.

The libraries are imported and the opening setting is looked up before the server answers, so that the first visitor
does not wait for that.
"""

from __future__ import annotations

import argparse
import logging
import runpy
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import core  # noqa: F401 - sets what must be set before torch is imported
from core import access
from core.cli import ending, output
from core.errors import AskError
from core.location import default_cache, house_libraries
from dashboard import options


def main(given: Sequence[str] | None = None, program: str = "python -m dashboard") -> int:
    """Get ready, then serve until stopped; returns the exit status where it is not the server that ends the process."""
    chosen, others = options.parse(sys.argv[1:] if given is None else given, program)
    return ending.guarded(partial(_serve, chosen, others))


def _serve(chosen: argparse.Namespace, others: Sequence[str]) -> None:
    decided = options.apply(chosen)
    if access.reads_only():
        from core.store import read_only  # with it come pandas and Arrow

        house_libraries(read_only.scratch())
    else:
        output.check_cache(default_cache())
    # What follows imports every page and what they need, which takes seconds: not for --help.
    from core.experiment.plan import plan
    from core.experiment.settings import Experiment
    from core.pipeline import child
    from dashboard import hosts, page_table
    from dashboard.work import process

    # What is cached is kept in memory, as it is meant to be; before the server runs, Streamlit warns of that.
    for name in ("caching.cache_data_api", "scriptrunner_utils.script_run_context"):
        logging.getLogger(f"streamlit.runtime.{name}").setLevel(logging.ERROR)
    if process.computes_in_child():
        child.start_early(default_cache())
    if process.cluster() is not None:
        process.start()  # what a cluster refuses is said here, rather than on a visitor's page
    page_table.load()
    with suppress(AskError):  # the page itself says what is wrong with the opening setting
        plan(Experiment())
    script = str(Path(__file__).with_name("served.py"))
    sys.argv = ["streamlit", "run", script, *decided, *hosts.of_options(others), *others]
    runpy.run_module("streamlit", run_name="__main__")


if __name__ == "__main__":
    sys.exit(main())
