"""The browser's part as a Streamlit component, and what Python gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import look


@cache
def _component() -> Any:
    folder = Path(__file__).parent
    html, css, js = ((folder / f"morph.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component("language_neurons_morph", html=html, css=css, js=js)


def draw(frames: Mapping[float, pd.DataFrame], languages: Sequence[str], stand_out: Sequence[str], *, key: str) -> None:
    """Draw the map with its scrubber; moving it asks the server for nothing.

    Parameters
    ----------
    frames : mapping of strength to DataFrame
        Two or more computed strengths, each with the same rows in the same order: ``x, y, language, text, english``.
    languages : sequence of str
        Codes, in the order of their colours.
    stand_out : sequence of str
        Languages to show clearly; all if there are none.
    """
    _component()(data=given(frames, languages, stand_out), key=key)


def given(frames: Mapping[float, pd.DataFrame], languages: Sequence[str], stand_out: Sequence[str]) -> dict[str, Any]:
    """What the browser is given: places rounded to a thousandth, texts once."""
    strengths = sorted(frames)
    if len(strengths) < 2:
        raise ValueError("a movement needs two strengths")
    first = frames[strengths[0]]
    number = {code: at for at, code in enumerate(languages)}
    return {
        "strengths": [float(strength) for strength in strengths],
        "frames": [
            np.round(frames[strength][["x", "y"]].to_numpy(dtype=np.float64), 3).ravel().tolist()
            for strength in strengths
        ],
        "colours": list(look.colours(languages).values()),
        "names": [look.name(code) for code in languages],
        "shown": [not stand_out or code in stand_out for code in languages],
        "language": [number[code] for code in first["language"]],
        "texts": first["text"].tolist(),
        "english": [
            "" if code == "en" else text for code, text in zip(first["language"], first["english"], strict=True)
        ],
        "crosses": True,
        "alt": f"Map of {len(first):,} sentences in {len(languages)} languages, moving as the strength grows from "
        f"{strengths[0]:g} to {strengths[-1]:g}.",
    }
