"""Packs: results that other machines computed, dropped in here and opened by their settings."""

from __future__ import annotations

import streamlit as st

from core import access
from core.errors import PackError
from core.experiment.settings import Experiment
from core.experiment.title import in_words
from core.models.embedded import MODELS
from core.packs.contents import model_title
from dashboard import hosts
from dashboard.charts import theme
from dashboard.state import session
from dashboard.work import process


def draw(chosen: Experiment) -> None:
    """List the settings of all packs, and take another pack; its errors are shown here, and the page stays as it is."""
    if access.current().public:
        return
    folder = st.expander("Packs", key="sidebar-packs", on_change="rerun")
    if not folder.open:
        return
    settings = process.packs().settings()
    with folder:
        theme.quiet(
            "Results that another machine computed, in one file (python -m core pack). Pages that need no pass of the "
            "model show them without it."
        )
        for setting in dict.fromkeys(settings):
            title = theme.plain(f"{model_title(setting.model)}, from a pack: {in_words(setting)}")
            if st.button(title, key=f"pack-{hash(setting)}", width="stretch", disabled=setting == chosen):
                _open(setting)
        if not access.reads_only():
            _take()


def _take() -> None:
    visitor = session.visitor()
    hosts.offer_upload()
    file = st.file_uploader("A pack", type=["pack"], key=f"pack-upload-{visitor.generation}")
    if file is None:
        return
    try:
        pack = process.packs().put(file.getvalue(), file.name)
    except PackError as error:
        theme.problem(f"{file.name}: {error.why}. {error.instead}")
        return
    hosts.drop_upload(file.file_id)
    _open(pack.settings[0])


def follow(before: Experiment, chosen: Experiment) -> None:
    """Open a pack's setting where its model was just picked, and nothing but the pack has that model."""
    if chosen.model == before.model or chosen.model in MODELS:  # those come with the program
        return
    settings = process.packs().settings(chosen.model)
    if not settings:
        return
    alike = [setting for setting in settings if setting.target == chosen.target]
    _open((alike or settings)[0])


def _open(setting: Experiment) -> None:
    session.visitor().set(setting)
    st.rerun()
