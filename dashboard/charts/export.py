"""Charts and tables as files that other programs open."""

from __future__ import annotations

import io
from typing import Any

import altair as alt
import pandas as pd
import vl_convert

_WIDTH = 900  # pixels: charts take the page's width, which a file has not
_SCALE = 2.0


def svg(chart: Any, width: int = _WIDTH) -> bytes:
    """An Altair chart as SVG, ``width`` pixels wide if it has no width of its own."""
    return str(vl_convert.vegalite_to_svg(_sized(chart, width), show_warnings=False)).encode()


def png(chart: Any) -> bytes:
    """An Altair chart as PNG, at twice its size."""
    return bytes(vl_convert.vegalite_to_png(_sized(chart, _WIDTH), scale=_SCALE, show_warnings=False))


def csv(frame: pd.DataFrame) -> bytes:
    """A table as CSV in UTF-8, with a header."""
    return frame.to_csv(index=False).encode()


def parquet(frame: pd.DataFrame) -> bytes:
    """A table as Parquet."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _sized(chart: Any, width: int) -> dict[str, Any]:
    with alt.data_transformers.disable_max_rows():  # a map has a row a sentence, far beyond Altair's 5,000
        spec: dict[str, Any] = chart.to_dict()
    if "hconcat" not in spec and "vconcat" not in spec and not isinstance(spec.get("width"), int | float | dict):
        spec["width"] = width
    spec["background"] = "white"
    return spec
