"""Charts and tables as files that other programs open."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd

from core.charts import export

_WIDTH = 900  # pixels: charts take the width of the page, and a file has no page


def svg(chart: Any, width: int = _WIDTH) -> bytes:
    """An Altair chart as SVG, ``width`` pixels wide if it has no width of its own."""
    return export.svg(chart, width)


def png(chart: Any) -> bytes:
    """An Altair chart as PNG, at twice its size."""
    return export.png(chart, _WIDTH)


def csv(frame: pd.DataFrame) -> bytes:
    """A table as CSV in UTF-8, with a header."""
    return frame.to_csv(index=False).encode()


def parquet(frame: pd.DataFrame) -> bytes:
    """A table as Parquet."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()
