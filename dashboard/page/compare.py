"""How do two settings compare?"""

from __future__ import annotations

import streamlit as st

from dashboard import look


def draw() -> None:
    """Draw the page."""
    st.title("How do two settings compare?", anchor=False)
    look.quiet("Two settings side by side on every measure.")
