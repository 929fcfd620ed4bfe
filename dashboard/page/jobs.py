"""Jobs and cache"""

from __future__ import annotations

import streamlit as st

from dashboard import look


def draw() -> None:
    """Draw the page."""
    st.title("Jobs and cache", anchor=False)
    look.quiet("What runs, what is kept, and on what machine.")
