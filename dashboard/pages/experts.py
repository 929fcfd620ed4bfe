"""Which neurons are the experts?"""

from __future__ import annotations

import streamlit as st

from dashboard import look


def draw() -> None:
    """Draw the page."""
    st.title("Which neurons are the experts?", anchor=False)
    look.quiet("Where they are, how well they tell the language, and what they share with other languages' experts.")
