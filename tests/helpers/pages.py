"""One page of the dashboard without a browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from streamlit.testing.v1 import AppTest

from core.experiment.settings import Experiment
from dashboard.state import kept, link
from dashboard.state.kept import KeptSetting
from dashboard.state.session import KEY, Visitor
from tests.helpers.bench import LONG

UNFOLDED = ("sidebar-neurons", "sidebar-more", "sidebar-packs", "every-measure", "every-figure", "costs-of-report")
"""Keys of the parts of a page that are built only when they are open."""
OpenPage = Callable[..., AppTest]  # the fixture `open_page`: ``open_page("layers", experts="20")``
LinkOnCache = Callable[..., dict[str, str]]  # the fixture `link_on_cache`: ``link_on_cache(tiny, experts="20")``


def page_of(script: Callable[..., None], *arguments: object) -> AppTest:
    """A function as a page, which is not drawn yet; like every `AppTest` here, it has `LONG` for each drawing."""
    return AppTest.from_function(script, default_timeout=LONG, args=arguments)


def kept_beside(query: Mapping[str, str], *strengths: float) -> dict[str, str]:
    """The view of Compare, as query parameters: a link's setting kept at some strengths, the last one chosen."""
    setting, _ = link.from_query(query)
    view = kept.view([KeptSetting(replace(setting, strength=strength)) for strength in strengths], len(strengths) - 1)
    return {f"view.{name}": value for name, value in view.items() if value}


def visitor_of(page: AppTest) -> Visitor:
    """What the dashboard knows of the visitor who looks at a page."""
    visitor: Visitor = page.session_state[KEY]
    return visitor


def experiment_of(page: AppTest) -> Experiment:
    """What the controls of a page say."""
    experiment = visitor_of(page).experiment
    assert experiment is not None
    return experiment
