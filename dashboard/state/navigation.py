"""Goes from page to page: the one way, which takes every choice along.

Streamlit empties the link when a page is switched to, even to the one that is shown, and an empty link reads as one
that was followed. So the switch itself carries the whole link.
"""

from __future__ import annotations

import streamlit as st

from core.experiment.settings import Experiment
from dashboard.page_table import PAGES
from dashboard.state import link, page_state, presentation, selection, session


def query() -> dict[str, str]:
    """All choices of the visitor as query parameters: setting, view of the page that is shown, map, screen."""
    own = page_state.to_query() | selection.to_query() | presentation.to_query()
    return link.to_query(session.experiment()) | own


def switch(path: str) -> None:
    """Open a page with the present settings and its last view."""
    visitor = session.visitor()
    visitor.page = path
    visitor.link = query()
    st.switch_page(PAGES[path].as_streamlit(), query_params=visitor.link)


def go(path: str, experiment: Experiment, **view: str) -> None:
    """Open a page with these settings, and change these entries of its view (see `dashboard.state.page_state`).

    What else the visitor has chosen there stays. An entry that is empty is taken out: it is the page's default then.
    """
    visitor = session.visitor()
    visitor.set(experiment)
    changed = visitor.view(path) | view
    visitor.views[path] = {name: value for name, value in changed.items() if value or name not in view}
    switch(path)
