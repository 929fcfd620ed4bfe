"""What the dashboard knows of one visitor: one object a browser tab, kept in Streamlit's session state.

Everything that lasts from one run of a page to the next is a field of `Visitor`, or a part of it that a page defines
for itself. What a control shows is Streamlit's own to keep, under keys that `dashboard.state.page_state` makes.
"""

from __future__ import annotations

import uuid
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import streamlit as st

from core import access
from core.experiment.names import SETTINGS
from core.experiment.settings import Experiment

KEY = "visitor"
"""The one key of the session state that is the dashboard's own."""

Part = TypeVar("Part")


@dataclass
class Visitor:
    """One browser tab's visitor.

    Attributes
    ----------
    name : str
        Tells this visitor from the others in the queue of jobs.
    experiment : Experiment or None
        What the controls say; None before they were first drawn.
    problems : list of str
        What in the last link could not be used, in words, until another setting is chosen.
    said_of : Experiment or None
        The setting that they were first shown beside.
    link : dict of str to str or None
        The query that the dashboard itself wrote last: any other is a link that was followed.
    page : str
        Path of the page that is shown; empty for the first.
    waits_for : hashable or None
        The first request that this run of the page waits for.
    generation : int
        How often settings came from elsewhere than the controls: it is part of every control's key, so that controls
        start from the new settings whatever they showed before.
    views : dict of str to dict
        How each page looks at the setting, by path (see `dashboard.state.page_state`).
    selection : dict of str to str
        What is chosen on the map, for all pages (see `dashboard.state.selection`).
    screen : dict of str to str
        How the whole dashboard is shown (see `dashboard.state.presentation`).
    uploads : set of str
        Corpora that this visitor uploaded to a public server: nobody else may name them.
    offer_tour : bool or None
        Whether to offer the tour: the visitor followed no link, and has not declined it. None before the first run.
    """

    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    experiment: Experiment | None = None
    problems: list[str] = field(default_factory=list)
    said_of: Experiment | None = None
    link: dict[str, str] | None = None
    page: str = ""
    waits_for: Hashable | None = None
    generation: int = 0
    views: dict[str, dict[str, str]] = field(default_factory=dict)
    selection: dict[str, str] = field(default_factory=dict)
    screen: dict[str, str] = field(default_factory=dict)
    uploads: set[str] = field(default_factory=set)
    offer_tour: bool | None = None
    _parts: dict[type, Any] = field(default_factory=dict)

    def sees(self, page: str) -> None:
        """Begin a run of a page, given by its path: it waits for nothing yet."""
        self.page, self.waits_for = page, None

    def part(self, kind: type[Part]) -> Part:
        """What a page keeps of this visitor: an object of a class of the page's own, made without arguments."""
        if kind not in self._parts:
            self._parts[kind] = kind()
        part: Part = self._parts[kind]
        return part

    def view(self, path: str | None = None) -> dict[str, str]:
        """How the visitor looks at a page; at the one that is shown, if none is named."""
        return self.views.setdefault(self.page if path is None else path, {})

    def permitted(self, experiment: Experiment) -> tuple[Experiment, list[str]]:
        """The settings without another visitor's uploads, and messages on those; every setting passes here."""
        others = [
            name
            for name in ("corpus", "probe_corpus")
            if access.current().public
            and str(getattr(experiment, name)).strip().startswith(access.UPLOAD)
            and getattr(experiment, name) not in self.uploads
        ]
        problems = [
            f"{SETTINGS[name].label}: an upload can be used only in the browser tab that it was uploaded in, while "
            "that is open. Upload the table again."
            for name in others
        ]
        return replace(experiment, **{name: SETTINGS[name].default for name in others}), problems

    def set(self, experiment: Experiment) -> None:
        """Take settings that come from elsewhere than the controls, which start from them when they are next drawn."""
        self.experiment = experiment
        self.generation += 1

    def follow(self, experiment: Experiment, problems: list[str], link: dict[str, str]) -> None:
        """Take the settings of a link that was followed."""
        self.set(experiment)
        self.problems, self.said_of, self.link = problems, None, link

    def choose(self, experiment: Experiment) -> None:
        """Take what the controls say; with another setting, what was wrong with the last link is said no more."""
        self.experiment = experiment
        if self.said_of is None:  # controls may mend what the link said
            self.said_of = experiment
        elif self.said_of != experiment:
            self.problems = []


def visitor() -> Visitor:
    """The visitor whose page this is."""
    if KEY not in st.session_state:
        st.session_state[KEY] = Visitor()
    present: Visitor = st.session_state[KEY]
    return present


def write_link(prefix: str, parameters: dict[str, str]) -> None:
    """Put the parameters whose names begin with a prefix into the link, in place of those that it has."""
    others = {key: text for key, text in st.query_params.to_dict().items() if not key.startswith(prefix)}
    visitor().link = query = others | parameters
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)


def experiment() -> Experiment:
    """The experiment that the controls are set to; they must have been drawn."""
    chosen = visitor().experiment
    assert chosen is not None, "the controls are drawn before the page"
    return chosen
