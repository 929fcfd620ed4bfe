"""What happens to one sentence?"""

from __future__ import annotations

import streamlit as st

from dashboard import look


def draw() -> None:
    """Draw the page."""
    st.title("What happens to one sentence?", anchor=False)
    look.quiet("Its nearest neighbours before and after, and what was fixed or broken.")
