"""What does the model write?"""

from __future__ import annotations

import streamlit as st

from dashboard import look


def draw() -> None:
    """Draw the page."""
    st.title("What does the model write?", anchor=False)
    look.quiet("The same prompt with and without the intervention.")
