"""The one way to put a chart or a table on a page: with a description, and with the files it can be saved as."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import pandas as pd
import pyarrow as pa
import streamlit as st

from core.charts.export import specification
from core.charts.palette import TEXT
from core.experiment.file import file_stem
from dashboard.charts import export
from dashboard.charts.cache import spec_of
from dashboard.state import page_state, presentation, selection, session

# The colour of the page's text, whichever theme it has, also when the reader changes it without a run of the script.
_OF_PAGE = "currentColor"
_PRESENTED = 16  # pixels of an axis's type in presenter mode
_ROOM = 1.3  # how much taller charts are there
_OF_SEVERAL = {"facet", "concat", "hconcat", "vconcat"}  # plots, each of a size of its own


def chart(
    drawing: Any,
    *,
    key: str,
    alt: str,
    data: pd.DataFrame | None = None,
    on_select: bool = False,
    own_height: bool = False,
) -> Any:
    """Draw an Altair chart as wide as its place.

    Parameters
    ----------
    key : str
        Unique on the page; also in the name of the files, after the setting's and before the view's.
    alt : str
        What the chart shows, for those who do not see it.
    data : DataFrame, optional
        The numbers that it is drawn from, to be saved; without them no files are offered.
    on_select : bool
        Run the page again when something is selected in the chart; then what is selected is returned.
    own_height : bool
        The chart's height is of its plot alone: legend and axes stand around it. Else they are fitted into it.
    """
    # `st.altair_chart` makes the same specification again whenever the page runs.
    spec = on_page(spec_of(drawing, _specification))
    if own_height and not _OF_SEVERAL & spec.keys():
        spec = {**spec, "autosize": {"type": "fit-x", "contains": "padding"}}
    state = st.vega_lite_chart(
        spec=larger(spec) if presentation.presenting() else spec,
        key=key,
        alt=alt,
        on_select="rerun" if on_select else "ignore",
    )
    if data is not None:
        files(key, lambda: data, lambda: drawing)
    return state if on_select else None


def table(frame: pd.DataFrame, *, key: str, saved: pd.DataFrame | None = None, **options: Any) -> Any:
    """Draw a table; ``options`` are those of ``st.dataframe``. Texts are shown as text.

    Parameters
    ----------
    saved : DataFrame, optional
        What its files hold, where the page shows it in words.
    """
    state = st.dataframe(frame, key=key, hide_index=True, **options)
    files(key, lambda: frame if saved is None else saved)
    return state


def on_page(spec: Any) -> Any:
    """A chart's Vega-Lite, or a part of it, with small type in the colour of the page's text."""
    if isinstance(spec, Mapping):
        return {name: part if name == "datasets" else on_page(part) for name, part in spec.items()}
    if isinstance(spec, list):
        return [on_page(part) for part in spec]
    return _OF_PAGE if spec == TEXT else spec


def larger(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A chart's Vega-Lite with type, and room for it, as large as presenter mode's."""
    axis = {"labelFontSize": _PRESENTED, "titleFontSize": _PRESENTED, "labelLimit": 260}
    legend = {"labelFontSize": _PRESENTED, "titleFontSize": _PRESENTED, "labelLimit": 400}
    config = spec.get("config", {})
    for name, sizes in (("axis", axis), ("legend", legend)):
        config = {**config, name: {**config.get(name, {}), **sizes}}
    height = spec.get("height")
    scaled = {"height": round(_ROOM * height)} if isinstance(height, int | float) else {}
    return {**spec, **scaled, "config": config}


def _specification(drawing: Any) -> dict[str, Any]:
    """Vega-Lite with its data as Arrow tables, which Streamlit sends as they are."""
    spec, tables = specification(drawing)
    return spec | {"datasets": {name: _arrow(table) for name, table in tables.items()}}


def _arrow(table: pd.DataFrame) -> pa.Table | pd.DataFrame:
    """The table in Arrow; as it is where a column holds values of several types, which Streamlit turns into text."""
    try:
        return pa.Table.from_pandas(table)
    except (pa.ArrowException, TypeError, OverflowError):
        return table


def files(
    key: str, data: Callable[[], pd.DataFrame], drawing: Callable[[], Any] | None = None, title: str = "Save"
) -> None:
    """Offer files of a table, and of a chart if there is one; they are made when they are asked for.

    The list is built when it is opened: a page has up to a dozen of them, and most stay closed.
    """
    menu = st.popover(title, icon=":material/download:", type="tertiary", key=f"save-{key}", on_change="rerun")
    if not menu.open:
        return
    kinds: dict[str, tuple[str, Callable[[], bytes]]] = {}
    if drawing is not None:
        kinds |= {
            "SVG": ("image/svg+xml", lambda: export.svg(drawing())),
            "PNG": ("image/png", lambda: export.png(drawing())),
        }
    kinds |= {
        "CSV": ("text/csv", lambda: export.csv(data())),
        "Parquet": ("application/vnd.apache.parquet", lambda: export.parquet(data())),
    }
    stem, view = file_stem(session.experiment()), _of_view()
    with menu:
        for kind, (mime, content) in kinds.items():
            st.download_button(
                kind,
                content,
                f"{stem}-{key}{view}.{kind.lower()}",
                mime,
                key=f"save-{key}-{kind}",
                on_click="ignore",
                width="stretch",
            )


def _of_view() -> str:
    """A short digest of how the page looks at the setting, for a file's name; nothing where that is as usual.

    Files of one setting differ by the page's view (what it is compared with, a metric) and by what is chosen on the
    map.
    """
    view = page_state.to_query() | selection.to_query()
    return f"-{sha256(repr(sorted(view.items())).encode()).hexdigest()[:6]}" if view else ""
