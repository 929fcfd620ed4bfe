"""Tokens are coloured by their response, and are text, never markup."""

from __future__ import annotations

import numpy as np

from dashboard.text.tokens import coloured


def test_the_sign_is_the_colour_the_size_its_depth_and_texts_are_escaped() -> None:
    text = coloured(["<b>", " a", "b"], np.array([1.5, -0.5, 0], dtype=np.float32))
    assert "<b>" not in text
    assert "&lt;b&gt;" in text
    assert [part.split(")")[0] for part in text.split("rgba(")[1:]] == [
        "76,110,245,0.60",
        "240,140,0,0.30",
        "240,140,0,0.00",
    ]
    assert "76,110,245,0.30" in coloured(["a"], np.array([2.0]), full=4.0)
