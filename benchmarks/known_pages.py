"""Draws known pages one after the other, for `benchmarks.endurance`: ``python -m benchmarks.known_pages DIR NUMBER``.

In a process of its own, whose memory is measured. Prints what came of it as JSON: pages drawn, the names of those that
broke, and bytes of memory after a tenth of them, but at least a round of all, and at the end.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import psutil
from streamlit.testing.v1 import AppTest

from benchmarks.tried import tiny
from core import access
from core.pipeline.engine import Engine
from core.store.store import Store
from dashboard.page_table import PAGES
from dashboard.state.link import to_query


def _draw(path: str) -> None:
    """A page as `dashboard.app` draws it; AppTest runs this text, so that it names all that it needs."""
    from dashboard.page_table import PAGES
    from dashboard.sidebar import controls
    from dashboard.state import session

    session.visitor().page = path
    controls.sidebar()
    PAGES[path].draw()


def main(folder: Path, number: int) -> None:
    """Draw so many pages of a setting that is known."""
    os.environ["LANGUAGE_NEURONS_CACHE"], os.environ[access.WORKER] = str(folder / "cache"), "here"
    asked = tiny(folder)
    Engine(Store(folder / "cache")).run(asked)
    names, process = list(PAGES), psutil.Process()
    broken: list[str] = []
    before = 0
    for turn in range(number):
        path = names[turn % len(names)]
        page = AppTest.from_function(_draw, default_timeout=600, args=(path,))
        for name, value in to_query(asked).items():
            page.query_params[name] = value
        page.run()
        if page.exception:
            broken.append(f"{path}: {page.exception[0].message}")
        if turn == max(number // 10, len(names)):  # what a page loads when it is first drawn stays
            before = process.memory_info().rss
    after = process.memory_info().rss
    print(json.dumps({"drawn": number - len(broken), "broken": broken, "before": before, "after": after}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
    # Work that a page has begun goes on in threads, and an interpreter that is taken down below them may abort.
    sys.stdout.flush()
    os._exit(0)
