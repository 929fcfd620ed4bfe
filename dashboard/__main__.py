"""Start the dashboard: ``python -m dashboard``; what follows is given to ``streamlit run``.

The libraries are imported and the opening setting is looked up before the server answers, so that the first visitor
does not wait for that.
"""

from __future__ import annotations

import logging
import runpy
import sys
from contextlib import suppress
from pathlib import Path

import core  # noqa: F401 - sets what must be set before torch is imported
from core.cli import ending, output
from core.errors import AskError
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.location import default_cache
from dashboard import page_table


def main() -> int:
    """Get ready, then serve until stopped; returns the exit status where it is not the server that ends the process."""
    return ending.guarded(_serve)


def _serve() -> None:
    output.check_cache(default_cache())
    # What pages cache is kept in memory, as it is meant to be; before the server runs, Streamlit warns of that.
    logging.getLogger("streamlit.runtime.caching.cache_data_api").setLevel(logging.ERROR)
    page_table.load()
    with suppress(AskError):  # the page itself says what is wrong with the opening setting
        plan(Experiment())
    sys.argv = ["streamlit", "run", str(Path(__file__).with_name("app.py")), *sys.argv[1:]]
    runpy.run_module("streamlit", run_name="__main__")


if __name__ == "__main__":
    sys.exit(main())
