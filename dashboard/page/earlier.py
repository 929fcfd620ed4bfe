"""The picture of the setting before, dimmed and named, while the page's present one is computed.

A page keeps its first chart and what it says above it, and nothing of the result that they were made from: results of
every page for every visitor would fill the memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from core.experiment.settings import Experiment
from core.experiment.title import in_words
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import waiting
from dashboard.state import session


@dataclass(frozen=True)
class _Picture:
    experiment: Experiment
    said: str
    chart: Any
    alt: str


@dataclass
class _LastPictures:
    """What this visitor saw last on each page, by its path."""

    by_page: dict[str, _Picture] = field(default_factory=dict)


def keep(said: str, chart: Any, alt: str) -> None:
    """Note what the page shows of its setting.

    Parameters
    ----------
    said : str
        Markdown; with all that the chart is of beside the setting, which is named by itself.
    chart : altair.Chart
    alt : str
        What it shows, for those who do not see it.
    """
    visitor = session.visitor()
    visitor.part(_LastPictures).by_page[visitor.page] = _Picture(session.experiment(), said, chart, alt)


def show() -> None:
    """Draw what this page showed of another setting, while that of the present one is computed; else nothing."""
    visitor = session.visitor()
    seen, awaited = visitor.part(_LastPictures).by_page.get(visitor.page), visitor.waits_for
    if seen is None or seen.experiment == session.experiment() or awaited is None or not waiting.waits(awaited):
        return
    label(seen.experiment, session.experiment())
    with st.container(key="earlier"):
        st.markdown(seen.said)
        drawing.chart(seen.chart, key="earlier-chart", alt=f"{in_words(seen.experiment)}: {seen.alt}")


def label(shown: Experiment, computing: Experiment) -> None:
    """Say which setting a picture is of, and which one is computed."""
    theme.heading(f"{in_words(shown)} · computing {in_words(computing)} …")
