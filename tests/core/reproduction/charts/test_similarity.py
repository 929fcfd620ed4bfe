"""Figures of which languages profit."""

from __future__ import annotations

import pandas as pd

from core.reproduction.charts.similarity import similarity


def rows(syntax: float) -> pd.DataFrame:
    known = {"metric": "cosine", "layer": 2, "target": "es", "gain": 0.3, "similarity": 2.0, "syntax": syntax}
    return pd.DataFrame([known, {**known, "similarity": float("nan")}])


def test_languages_that_are_not_classified_are_left_out() -> None:
    drawn, by_syntax = similarity({"similarity": rows(0.5)})
    (data,) = drawn.chart.to_dict()["datasets"].values()
    assert [row["similarity"] for row in data] == [2.0]
    assert by_syntax.name == "similarity_syntax"


def test_syntax_is_drawn_only_where_it_is_known() -> None:
    (drawn,) = similarity({"similarity": rows(float("nan"))})
    assert drawn.name == "similarity"
    assert similarity({"similarity": rows(0.5).assign(similarity=float("nan"))}) == []
