"""Packs: results that other machines computed, dropped in here and opened by their settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from core import access
from core.errors import AskError, PackError
from core.experiment.settings import Experiment
from core.experiment.title import in_words
from core.models import download
from core.models.embedded import MODELS
from core.models.resolve import resolve
from core.packs.contents import model_title
from core.stats.units import counted
from dashboard import hosts
from dashboard.charts import theme
from dashboard.state import navigation, session
from dashboard.work import process


def draw(chosen: Experiment) -> None:
    """List the settings of all packs, and take another pack; its errors are shown here, and the page stays as it is."""
    if access.current().public:
        return
    folder = st.expander("Packs", key="sidebar-packs", on_change="rerun")
    if not folder.open:
        return
    settings, alone = dict.fromkeys(process.packs().settings()), _alone()
    with folder:
        theme.quiet(
            "Results that another machine computed, in one file (python -m core pack). Pages that need no pass of the "
            "model show them without it."
        )
        for setting in [setting for setting in settings if setting not in alone]:
            title = theme.plain(f"{model_title(setting.model)}, from a pack: {in_words(setting)}")
            if st.button(title, key=f"pack-{hash(setting)}", width="stretch", disabled=setting == chosen):
                _open(setting)
        for grid in _by_grid(list(alone)):
            words = f"{counted(len(grid), 'cell')} from a pack: {in_words(grid[0])}, …"
            title = theme.plain(f"{model_title(grid[0].model)}, {words}")
            if st.button(title, key=f"pack-cells-{hash(grid[0])}", width="stretch"):
                _open_grid(grid[0])
        if not access.reads_only():
            _take()


def _alone() -> dict[Experiment, None]:
    """Settings of which packs have the measures alone, each once."""
    return dict.fromkeys(setting for setting, *_ in process.packs().cells())


def _by_grid(cells: Sequence[Experiment]) -> list[list[Experiment]]:
    """Cells that are alike in all but the number of neurons and the strength together, each once."""
    grids: dict[Experiment, list[Experiment]] = {}
    for cell in dict.fromkeys(cells):
        grids.setdefault(replace(cell, experts=1, strength=1.0), []).append(cell)
    return list(grids.values())


@dataclass
class _RefusedPack:
    """The pack of this visitor's that was refused last, by the id of its file, and why; its bytes are dropped."""

    id: str = ""
    words: str = ""


def _take() -> None:
    visitor = session.visitor()
    hosts.offer_upload()
    key = f"pack-upload-{visitor.generation}"
    file = st.file_uploader("A pack", type=["pack"], key=key)
    refused = visitor.part(_RefusedPack)
    if file is None:
        dropped = hosts.dropped_upload(st.session_state.get(key))  # named until the visitor takes it out
        if dropped and dropped == refused.id:
            theme.problem(refused.words)
        return
    try:
        pack = process.packs().put(file.getvalue(), file.name)
    except PackError as error:
        refused.id, refused.words = file.file_id, f"{file.name}: {error.why}. {error.instead}"
        theme.problem(refused.words)
        return
    finally:
        hosts.drop_upload(file.file_id)
    if pack.has_result(0):
        _open(pack.settings[0])
    else:
        _open_grid(pack.settings[0])


def follow(before: Experiment, chosen: Experiment) -> None:
    """Open a pack's setting where its model was just picked, and nothing but the pack has that model."""
    if chosen.model == before.model or _is_here(chosen):
        return
    settings = process.packs().settings(chosen.model)
    if not settings:
        return
    alone = _alone()
    whole = [setting for setting in settings if setting not in alone]
    alike = [setting for setting in whole or settings if setting.target == chosen.target]
    setting = (alike or whole or settings)[0]
    if whole:
        _open(setting)
    else:
        _open_grid(setting)


def _is_here(chosen: Experiment) -> bool:
    """Whether the model itself is on this machine."""
    if chosen.model in MODELS:  # those come with the program
        return True
    try:
        return download.is_here(resolve(chosen.model_spec))
    except AskError:
        return False


def _open(setting: Experiment) -> None:
    session.visitor().set(setting)
    st.rerun()


def _open_grid(setting: Experiment) -> None:
    """Open the page that shows cells of which there are the measures alone."""
    navigation.go("what-if", setting)
