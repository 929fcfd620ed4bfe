"""The one way to put a chart or a table on a page: with a description, and with the files it can be saved as."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pyarrow as pa
import streamlit as st

from core.charts.export import specification
from dashboard.charts import export
from dashboard.charts.cache import spec_of


def chart(drawing: Any, *, key: str, alt: str, data: pd.DataFrame, on_select: bool = False) -> Any:
    """Draw an Altair chart as wide as its place.

    Parameters
    ----------
    key : str
        Unique on the page; also the name of the files.
    alt : str
        What the chart shows, for those who do not see it.
    data : DataFrame
        The numbers that it is drawn from, to be saved.
    on_select : bool
        Run the page again when something is selected in the chart; then what is selected is returned.
    """
    # `st.altair_chart` makes the same specification again whenever the page runs.
    state = st.vega_lite_chart(
        spec=spec_of(drawing, _specification), key=key, alt=alt, on_select="rerun" if on_select else "ignore"
    )
    files(key, lambda: data, lambda: drawing)
    return state if on_select else None


def table(frame: pd.DataFrame, *, key: str, **options: Any) -> Any:
    """Draw a table; ``options`` are those of ``st.dataframe``. Texts are shown as text."""
    state = st.dataframe(frame, key=key, hide_index=True, **options)
    files(key, lambda: frame)
    return state


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
    """Offer files of a table, and of a chart if there is one; they are made when they are asked for."""
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
    with st.popover(title, icon=":material/download:", type="tertiary", key=f"save-{key}"):
        for kind, (mime, content) in kinds.items():
            st.download_button(
                kind,
                content,
                f"{key}.{kind.lower()}",
                mime,
                key=f"save-{key}-{kind}",
                on_click="ignore",
                width="stretch",
            )
