"""Start the dashboard: ``python -m dashboard``; what follows is given to ``streamlit run``.

The libraries are imported and the opening setting is looked up before the server answers, so that the first visitor
does not wait for that.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from streamlit.web import cli

import core  # noqa: F401 - sets what must be set before torch is imported
from core.errors import AskError
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from dashboard import page


def main() -> None:
    """Get ready, then serve until stopped."""
    # What pages cache is kept in memory, as it is meant to be; before the server runs, Streamlit warns of that.
    logging.getLogger("streamlit.runtime.caching.cache_data_api").setLevel(logging.ERROR)
    for module in iter_modules(page.__path__, f"{page.__name__}."):
        import_module(module.name)
    with suppress(AskError):  # the page itself says what is wrong with the opening setting
        plan(Experiment())
    sys.argv = ["streamlit", "run", str(Path(__file__).with_name("app.py")), *sys.argv[1:]]
    cli.main()


if __name__ == "__main__":
    main()
