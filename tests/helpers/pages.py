"""One page of the dashboard without a browser."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

OpenPage = Callable[..., AppTest]  # the fixture `open_page`: ``open_page("layers", experts="20")``
LinkOnCache = Callable[..., dict[str, str]]  # the fixture `link_on_cache`: ``link_on_cache(tiny, experts="20")``
