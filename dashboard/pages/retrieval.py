"""Does a sentence find its translation?"""

from __future__ import annotations

import streamlit as st

from dashboard import look


def draw() -> None:
    """Draw the page."""
    st.title("Does a sentence find its translation?", anchor=False)
    look.quiet("How often translations are found, before and after, and whether the difference is real.")
