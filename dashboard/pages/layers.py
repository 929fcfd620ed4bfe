"""Where in the model does it happen?"""

from __future__ import annotations

import streamlit as st

from dashboard import look


def draw() -> None:
    """Draw the page."""
    st.title("Where in the model does it happen?", anchor=False)
    look.quiet("Retrieval and distance at every layer, and where the experts sit.")
