"""The sidebar: what to look at. Reads and writes the link, offers what the model and the corpus have."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core import access
from core.experiment.names import in_panel
from core.experiment.settings import Experiment
from core.models.spec import CATALOGUE
from dashboard.charts import theme
from dashboard.sidebar import packs, saving, uploads, widgets
from dashboard.state import link, navigation, page_state, presentation, role, selection, session


def sidebar() -> Experiment:
    """Draw the controls and return what is chosen; the link follows."""
    initial = chosen = _from_link()
    around = widgets.ModelAndCorpus()
    with st.sidebar:
        for setting in in_panel("top"):
            chosen = replace(chosen, **{setting.name: widgets.draw(setting, chosen, around)})
            if setting.name == "corpus" and not access.reads_only():
                uploads.draw(initial)
        packs.follow(initial, chosen)
        for panel, title in (("neurons", "Which neurons"), ("more", "More settings")):
            folder = st.expander(title, key=f"sidebar-{panel}", on_change="rerun")
            if folder.open:  # its settings are as they were while it is closed
                with folder:
                    chosen = _panel(panel, chosen, around)
        packs.draw(chosen)
        saving.draw(chosen)
        _foot(chosen.model)
    chosen, problems = session.visitor().permitted(chosen)
    for problem in problems:
        theme.problem(problem)
    _to_link(chosen)
    return chosen


def _panel(panel: str, chosen: Experiment, around: widgets.ModelAndCorpus) -> Experiment:
    """Draw the settings of a part of the sidebar, in the table's order."""
    for setting in in_panel(panel):
        chosen = replace(chosen, **{setting.name: widgets.draw(setting, chosen, around)})
    return chosen


def presenting() -> bool:
    """Whether the link, or the visitor since, asks for presenter mode; may be called before the page is known."""
    query = st.query_params.to_dict()
    if query and query != session.visitor().link:
        return query.get(presentation.PREFIX + "present") == "1"
    return presentation.presenting()


def unchanged() -> Experiment:
    """Return the chosen experiment without drawing the controls; the link follows."""
    chosen = _from_link()
    _to_link(chosen)
    return chosen


def _from_link() -> Experiment:
    """The settings in force: the link's, if the visitor just came by one or went back in history."""
    query = st.query_params.to_dict()
    # Streamlit empties the query when a visitor goes to another page by the menu: in a tab that has a setting, an empty
    # query is no new link, so the setting stays.
    visitor = session.visitor()
    stays = not query and visitor.experiment is not None
    if query != visitor.link and not stays:
        _follow(query)
    return session.experiment()


def _follow(query: dict[str, str]) -> None:
    """Take all that a link says; what it does not say is as at first."""
    visitor = session.visitor()
    parameters = selection.take(presentation.take(query))
    settings = {name: value for name, value in parameters.items() if not name.startswith(page_state.PREFIX)}
    experiment, problems = link.from_query(settings)
    experiment, refused = visitor.permitted(experiment)
    page_state.from_query(parameters)
    visitor.follow(experiment, problems + refused, st.query_params.to_dict())


def _to_link(chosen: Experiment) -> None:
    visitor = session.visitor()
    visitor.choose(chosen)
    visitor.link = query = navigation.query()
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)


def _foot(model: str) -> None:
    if st.button("Presenter mode", width="stretch", icon=":material/present_to_all:", help="Large type, no sidebar."):
        presentation.present(True)
        st.rerun()
    if st.button("Take the tour", width="stretch", icon=":material/tour:"):
        presentation.set_stop(1)
        navigation.switch("experts")
    if st.button("Back to the opening setting", width="stretch"):
        _follow({})
        st.rerun()
    if (email := role.name()) is not None:
        theme.quiet(f"Logged in as {email}.")
        if role.by_oidc() and st.button("Log out", width="stretch"):
            st.logout()
    if (offer := CATALOGUE.get(model)) and offer.licence:
        st.caption(f"{offer.licensed} is provided under and subject to the [{offer.licence}]({offer.licence_url}).")
