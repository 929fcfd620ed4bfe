"""Every setting that is computed, with its measures: to find, open, compare and save."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core import access
from core.errors import AskError
from core.experiment.named_neurons import in_short, names_files
from core.experiment.names import SETTINGS
from core.experiment.settings import Experiment
from core.experiment.title import in_words
from core.packs.provenance import Origin
from core.pipeline import computed_settings
from core.pipeline.computed_settings import ComputedSetting, Summary
from core.pipeline.measure_table import MEASURES
from core.pipeline.result import Result
from core.stats.intervals import wilson
from core.stats.units import SHARE, Unit, counted
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.state import kept as kept_settings
from dashboard.state import link, navigation, page_state, session
from dashboard.work import process
from dashboard.work.derived import once

log = logging.getLogger(__name__)

_SCOPES = {"same": "this model and these sentences", "all": "all models and sentences"}
_OPEN = "open"
_MAIN = ("target", "experts", "strength", "method", "control", "layer")
_TOP1 = next(iter(MEASURES))
_KEY = "results"
_GROUND = ("model", "adapter", "corpus", "languages", "eval_sentences")
Ground = tuple[Any, ...]


@dataclass
class SettingList:
    """The list that this visitor's table shows.

    Attributes
    ----------
    asked : tuple
        What is listed: the words to find, and the ground that it is of (see `ground`).
    settings : list of ComputedSetting
    number : int
        Of lists before it. A table keeps what is selected for as long as its key is the same, whatever it lists.
    """

    asked: tuple[str, Ground | None] | None = None
    settings: list[ComputedSetting] = field(default_factory=list)
    number: int = 0

    @property
    def key(self) -> str:
        """The table's key: another list has another one, so that nothing is selected in it."""
        return f"{_KEY}-{self.number}"

    @property
    def opens(self) -> str:
        """The key of its buttons."""
        return f"{self.key}-open"

    def now(
        self, asked: tuple[str, Ground | None], found: list[ComputedSetting], selection: Mapping[str, Any]
    ) -> list[ComputedSetting]:
        """What the table is to show: the list as it was while something in it is selected.

        A selection names rows by their places, and another setting that is computed meanwhile would come first.
        """
        if asked != self.asked:
            self.number += 1
        if asked != self.asked or not any(selection.values()):
            self.asked, self.settings = asked, found
        return self.settings


def draw() -> None:
    """Draw the page."""
    theme.quiet(
        "Every setting that is computed, by the controls or by a sweep, and those of packs. Open one, tick several to "
        "compare them, click a heading to sort."
    )
    theme.ready()
    own = [setting for setting in computed_settings.listed(process.engine().store) if _may_be_seen(setting)]
    every = [*own, *_of_packs({setting.experiment for setting in own})]
    left, right = st.columns([3, 2])
    with left:
        words = st.text_input(
            "Find", page_state.get("find"), key=page_state.key("find"), placeholder="spanish random, or layer 11"
        )
        page_state.put("find", words)
    with right:
        scope = page_state.pick("Settings of", list(_SCOPES), "of", lambda name: _SCOPES[name])
    like = session.experiment() if scope == "same" else None
    found = matching(every, words, like)
    listed = session.visitor().part(SettingList)
    if (press := st.session_state.get(listed.opens)) is not None:  # a row of the list that was drawn
        navigation.go("", listed.settings[press["row"]].experiment)
    selection = st.session_state.get(listed.key, {}).get("selection", {})
    chosen = listed.now((words, None if like is None else ground(like)), found, selection)
    if not chosen:
        theme.quiet(
            f"None of the {len(every):,} computed settings fits."
            if every
            else "Nothing is listed yet: a setting is as soon as it is opened."
        )
        return
    numbers = frame(chosen)
    # A button, and no selected cell: the first cell is selected as soon as the keyboard comes to the table.
    opens = st.column_config.ButtonColumn("", type="tertiary", pinned=True, key=listed.opens)
    picked = drawing.table(
        pd.concat([pd.DataFrame({_OPEN: ["Open"] * len(numbers)}), numbers], axis=1),
        key=listed.key,
        saved=numbers,
        column_config={_OPEN: opens, **_columns(numbers)},
        height=min(38 + 35 * len(numbers), 560),
        on_select="rerun",
        selection_mode="multi-row",
    )
    _act(chosen, picked["selection"])
    if len(found) != len(chosen):
        theme.quiet(f"{len(found):,} fit by now: they are listed once nothing is ticked.")
    theme.quiet(
        f"{len(chosen):,} of {counted(len(every), 'setting')}, the newest first. Measures are after the intervention, "
        "the gain is after minus before. 95%: Wilson's interval of the first measure, for as many sentences. Settings "
        "that were computed by an earlier version are listed once they are opened."
    )


def _of_packs(known: set[Experiment]) -> list[ComputedSetting]:
    """The settings of packs that are not computed here, each once; on a public server none are offered."""
    if access.current().public:
        return []
    found: dict[Experiment, ComputedSetting] = {}
    for experiment, answer, origin in process.packs().every():
        own = {experiment, replace(experiment, revision=None)}  # a pack names the commit, whoever computes here may not
        if not own & known and experiment not in found:
            try:
                found[experiment] = once(answer, "computed setting", partial(_of_pack, experiment, answer, origin))
            except Exception:  # a pack may hold other tables than results have; the list is of all the others too
                log.warning("a setting of a pack is not listed", exc_info=True)
    return list(found.values())


def _of_pack(experiment: Experiment, answer: Result | Summary, origin: Origin) -> ComputedSetting:
    summed = computed_settings.summary(answer) if isinstance(answer, Result) else answer
    setting = computed_settings.of_summary(experiment, summed, _day(origin.date), origin.machine)
    frame([setting])  # raises where a pack says less than a row has
    return setting


def _day(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:  # a pack may say anything
        return None


def _may_be_seen(setting: ComputedSetting) -> bool:
    """Whether this visitor may see all that a setting names: on a public server what is listed, and nobody's own words.

    The cache may be older than the server's being public.
    """
    experiment, allowed = setting.experiment, access.current()
    if session.visitor().permitted(experiment)[1]:
        return False
    if not allowed.public:
        return True
    try:
        allowed.model(experiment.model, experiment.revision)
        for corpus in filter(None, (experiment.corpus, experiment.probe_corpus)):
            allowed.corpus(corpus)
    except AskError:
        return False
    files = experiment.adapter or (experiment.experts_from and names_files(experiment.experts_from))
    return not files and experiment.prompt in (None, "", session.experiment().prompt)


def matching(settings: Iterable[ComputedSetting], words: str, like: Experiment | None) -> list[ComputedSetting]:
    """The settings in whose title a word begins with each of the words, in any order and case.

    Parameters
    ----------
    like : Experiment, optional
        Only settings of its model and sentences.
    """
    wanted = [re.compile(rf"\b{re.escape(word)}", re.IGNORECASE) for word in words.split()]
    return [
        setting
        for setting in settings
        if (like is None or ground(setting.experiment) == ground(like))
        and all(word.search(f"{in_words(setting.experiment)} {setting.experiment.target}") for word in wanted)
    ]


def ground(experiment: Experiment) -> Ground:
    """A setting's model and sentences: figures of settings that have the same can be compared."""
    return tuple(getattr(experiment, name) for name in _GROUND)


def frame(settings: Sequence[ComputedSetting]) -> pd.DataFrame:
    """One row a setting: its main settings, what else is not as usual, the measures after, the gain, n, when."""
    n = np.array([setting.n for setting in settings])
    rows = pd.DataFrame([{name: getattr(setting.experiment, name) for name in _MAIN} for setting in settings])
    rows["target"] = rows["target"].map(theme.name)
    rows["layer"] = [str(setting.conditions["layer"]) for setting in settings]
    rows["further"] = [_further(setting.experiment) for setting in settings]
    for name in MEASURES:
        rows[name] = [setting.values[name].post if name in setting.values else np.nan for setting in settings]
    first = [setting.values[_TOP1] for setting in settings]
    rows["gain"] = [100 * change.difference for change in first]
    low, high = wilson(np.array([change.post for change in first]), n)
    rows["95%"] = [f"{100 * a:.1f} to {100 * b:.1f}%" for a, b in zip(low, high, strict=True)]
    rows["n"], rows["computed"] = n, [setting.created and setting.created.replace(tzinfo=None) for setting in settings]
    rows["from"] = [f"a pack: {setting.elsewhere}" if setting.elsewhere else "this cache" for setting in settings]
    order = [*_MAIN, _TOP1, "95%", "gain", *(name for name in MEASURES if name != _TOP1), "n", "further", "computed"]
    return rows[[*order, "from"] if any(setting.elsewhere for setting in settings) else order]


def _further(experiment: Experiment) -> str:
    """What is not as usual beside the main settings."""
    usual = {name: SETTINGS[name].default for name in _MAIN}
    named = f"experts from {in_short(experiment.experts_from)}" if experiment.experts_from else ""
    if experiment.select == "all":
        named, experiment = "all neurons", replace(experiment, select=SETTINGS["select"].default)
    plain, bare = in_words(replace(experiment, **usual, experts_from=None)), in_words(Experiment(**usual))
    return ", ".join(filter(None, (named, plain.removeprefix(bare).removeprefix(", "))))


def _columns(numbers: pd.DataFrame) -> dict[str, Any]:
    """Headings and number formats."""
    number = st.column_config.NumberColumn
    columns: dict[str, Any] = {
        "experts": number("neurons", format="localized"),
        "strength": number(format="%g"),
        "gain": number("gain, points", format="%+.1f", help="Top-1 from the target, after minus before."),
        "further": "what else is set",
        "computed": st.column_config.DatetimeColumn("computed (UTC)", format="YYYY-MM-DD HH:mm"),
    }
    for name, measure in MEASURES.items():
        better = "Higher" if measure.higher_is_better else "Lower"
        columns[name] = number(
            measure.titled(), format=_format(measure.unit), help=f"{measure.explained()} {better} is better."
        )
    return {name: column for name, column in columns.items() if name in numbers}


def _format(unit: Unit) -> str:
    """How Streamlit writes a number of a unit."""
    return "percent" if unit is SHARE else "%.3f"


def _act(settings: Sequence[ComputedSetting], selection: Mapping[str, Any]) -> None:
    """Offer what can be done with the settings that are ticked."""
    ticked = [settings[row].experiment for row in selection["rows"]]
    if not ticked:
        return
    without_file = [experiment for experiment in ticked if link.carries(experiment)]
    if len(without_file) < len(ticked):
        theme.quiet(
            "Compare, like any link, names no file of this machine: what a file's neurons give is opened alone."
        )
    with st.container(horizontal=True):
        if len(ticked) == 1 and st.button("Open it", type="primary", icon=":material/open_in_new:"):
            navigation.go("", ticked[0])
        ticked = without_file
        if not ticked:
            return
        label = f"Compare the {len(ticked)} ticked" if len(ticked) > 1 else "Compare with the present setting"
        if st.button(label, type="primary", icon=":material/compare_arrows:", key="compare-ticked"):
            compare(ticked)
    if len(ticked) > kept_settings.MOST + 1:
        theme.quiet(f"Compare takes the first {kept_settings.MOST + 1}.")


def compare(ticked: Sequence[Experiment]) -> None:
    """Open Compare: the first that is ticked as the present setting, the others as kept ones."""
    first, *others = ticked if len(ticked) > 1 else (session.experiment(), *ticked)
    navigation.go("compare", first, **kept_settings.in_front(others))
