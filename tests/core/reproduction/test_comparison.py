"""The published figures beside the measured ones."""

from __future__ import annotations

import pytest

from core.reproduction.comparison import comparison
from core.reproduction.html import compared_table, table_html
from tests.helpers.reproduction import distance_rows


def test_the_comparison_has_every_published_distance_and_the_difference() -> None:
    compared = comparison({"distances": distance_rows(0.2)})
    assert len(compared) == 3 * 4 * 2
    row = compared[
        (compared["published_model"] == "Bloom-7b")
        & (compared["measure"] == "all pairs")
        & (compared["space"] == "post")
    ].iloc[0]
    assert (row["published"], row["measured"]) == (0.17, 0.2)
    assert row["difference"] == pytest.approx(0.03)
    wide = compared_table(compared)
    assert len(wide) == 8
    assert "difference (PolyLM-13b)" in wide
    assert "<td class=n>+0.030</td>" in table_html(wide)
