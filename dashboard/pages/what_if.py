"""What if it were stronger, or more neurons?"""

from __future__ import annotations

import streamlit as st

from dashboard import look


def draw() -> None:
    """Draw the page."""
    st.title("What if it were stronger, or more neurons?", anchor=False)
    look.quiet("Every measure over the number of neurons and the strength.")
