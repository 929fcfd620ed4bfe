"""One page of the dashboard without a browser."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from core.experiment.settings import Experiment
from dashboard.state.session import KEY, Visitor

UNFOLDED = ("sidebar-neurons", "sidebar-more", "sidebar-packs", "every-measure", "every-figure", "costs-of-report")
"""Keys of the parts of a page that are built only when they are open."""
OpenPage = Callable[..., AppTest]  # the fixture `open_page`: ``open_page("layers", experts="20")``
LinkOnCache = Callable[..., dict[str, str]]  # the fixture `link_on_cache`: ``link_on_cache(tiny, experts="20")``


def visitor_of(page: AppTest) -> Visitor:
    """What the dashboard knows of the visitor who looks at a page."""
    visitor: Visitor = page.session_state[KEY]
    return visitor


def experiment_of(page: AppTest) -> Experiment:
    """What the controls of a page say."""
    experiment = visitor_of(page).experiment
    assert experiment is not None
    return experiment
