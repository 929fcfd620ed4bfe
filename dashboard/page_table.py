"""The pages, each in one line: the menu, the server's start, links between pages and the tests read this table.

To add a page, write its module in `dashboard.page` with a function ``draw()`` and add its line here.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

import streamlit as st


@dataclass(frozen=True)
class Page:
    """One page of the dashboard.

    Attributes
    ----------
    path : str
        In its address; empty for the page that opens first.
    title : str
        In the menu.
    question : str
        The question that the page answers, its heading.
    icon : str
        Of the menu: a name of the Material Symbols.
    module : str
        The module whose ``draw()`` draws the page below the heading.
    in_menu : bool
        Whether the menu lists it; any page can be opened by its address.
    """

    path: str
    title: str
    question: str
    icon: str
    module: str
    in_menu: bool = True

    def draw(self) -> None:
        """Draw the heading and the page."""
        st.title(self.question, anchor=False)
        import_module(self.module).draw()

    def as_streamlit(self) -> st.Page:
        """The page as Streamlit's navigation takes it; two of one page are the same to it."""
        return st.Page(
            self.draw,
            title=self.title,
            icon=f":material/{self.icon}:",
            url_path=self.path,
            default=not self.path,
            visibility="visible" if self.in_menu else "hidden",
        )


_TABLE = (
    Page("", "Explore", "What do language neurons do?", "scatter_plot", "dashboard.page.explore"),
    Page("is-it-real", "Is it real?", "Is it more than what is free?", "balance", "dashboard.page.is_it_real"),
    Page(
        "retrieval",
        "Retrieval",
        "Does a sentence find its translation?",
        "travel_explore",
        "dashboard.page.retrieval",
    ),
    Page("transfer", "Transfer", "Does it help a task?", "translate", "dashboard.page.transfer"),
    Page("layers", "Layers", "Where in the model does it happen?", "stacked_line_chart", "dashboard.page.layers"),
    Page("experts", "Experts", "Which neurons are the experts?", "neurology", "dashboard.page.experts"),
    Page("what-if", "What if", "What if it were stronger, or more neurons?", "grid_on", "dashboard.page.what_if"),
    Page("results", "Results", "What is known already?", "table_view", "dashboard.page.results"),
    Page("sentences", "Sentences", "What happens to one sentence?", "format_quote", "dashboard.page.sentences"),
    Page("generate", "Generate", "What does the model write?", "edit_note", "dashboard.page.generate"),
    Page("compare", "Compare", "How do two settings compare?", "compare_arrows", "dashboard.page.compare"),
    Page("methods", "Methods", "Which intervention is best, and by what?", "leaderboard", "dashboard.page.methods"),
    Page("take-along", "Take it along", "How is this taken along?", "output", "dashboard.page.take_along"),
    Page("reproduction", "Reproduction", "The paper, reproduced", "fact_check", "dashboard.page.reproduction"),
    Page("jobs", "Jobs and cache", "Jobs and cache", "memory", "dashboard.page.jobs"),
)
PAGES: dict[str, Page] = {page.path: page for page in _TABLE}
"""The pages by path, in the menu's order."""


def load() -> None:
    """Import every page, so that no visitor waits for that."""
    for page in PAGES.values():
        import_module(page.module)
