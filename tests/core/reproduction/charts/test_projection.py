"""The figures of the maps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.charts.export import png, svg
from core.reproduction.items import figures


def test_a_map_of_many_sentences_can_be_drawn() -> None:
    rng, n = np.random.default_rng(0), 3000
    frame = pd.concat(
        pd.DataFrame(
            {"target": "ja", "space": space, "language": code, "x": rng.normal(size=n), "y": rng.normal(size=n)}
        )
        for space in ("pre", "post")
        for code in ("es", "ja")
    )
    (figure,) = figures("projection", {"projection": frame})
    assert svg(figure.chart).decode().count("<path") >= 4 * n
    assert png(figure.chart)[:4] == b"\x89PNG"
