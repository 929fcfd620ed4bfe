"""Altair charts as Vega-Lite, SVG and PNG, whatever their number of rows and from any thread."""

from __future__ import annotations

import threading
from hashlib import sha256
from typing import Any

import altair as alt
import pandas as pd
import vl_convert
from pandas.util import hash_pandas_object

Tables = dict[str, pd.DataFrame]

_SCALE = 2.0
_FILE_STYLE = {"font": "sans-serif", "view": {"stroke": None}, "axis": {"gridColor": "#e9ecef"}}
_lock = threading.Lock()  # Altair's theme and data transformer are settings of the whole process


def specification(chart: Any) -> tuple[dict[str, Any], Tables]:
    """A chart as Vega-Lite that names its data, and the data by these names.

    It is not checked against Vega-Lite's schema, since that takes longest of all; the tests of the charts check it.
    """
    tables: Tables = {}
    with _lock, alt.theme.enable("none"), alt.data_transformers.enable(_TRANSFORMER, tables=tables):
        spec: dict[str, Any] = chart.to_dict(validate=False)
    return spec, tables


def svg(chart: Any, width: int | None = None) -> bytes:
    """A chart as SVG on white.

    Parameters
    ----------
    width : int, optional
        Pixels, for a chart that has no width of its own.
    """
    return str(vl_convert.vegalite_to_svg(_for_file(chart, width), show_warnings=False)).encode()


def png(chart: Any, width: int | None = None) -> bytes:
    """A chart as PNG on white, at twice its size; parameters as those of `svg`."""
    return bytes(vl_convert.vegalite_to_png(_for_file(chart, width), scale=_SCALE, show_warnings=False))


def _for_file(chart: Any, width: int | None) -> dict[str, Any]:
    """Vega-Lite that holds its data."""
    spec, tables = specification(chart)
    spec["datasets"] = {name: alt.to_values(table)["values"] for name, table in tables.items()}
    concatenated = "hconcat" in spec or "vconcat" in spec
    if width is not None and not concatenated and not isinstance(spec.get("width"), int | float | dict):
        spec["width"] = width
    spec["background"] = "white"
    spec["config"] = _FILE_STYLE | spec.get("config", {})
    return spec


def _by_name(data: Any, tables: Tables) -> dict[str, str]:
    """Name a table by its content, and keep it: Altair's data transformers are called with each table of a chart."""
    if not isinstance(data, pd.DataFrame):
        raise TypeError(f"a chart of {type(data).__name__}: charts here are drawn from data frames")
    columns = [(str(name), str(kind)) for name, kind in data.dtypes.items()]
    digest = sha256(repr(columns).encode() + hash_pandas_object(data, index=False).to_numpy().tobytes())
    name = f"rows-{digest.hexdigest()[:32]}"
    tables[name] = data
    return {"name": name}


_TRANSFORMER = "by-name"
alt.data_transformers.register(_TRANSFORMER, _by_name)
