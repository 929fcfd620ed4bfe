"""The dashboard's entry point: ``streamlit run dashboard/app.py``. Navigation and the shared controls."""

import sys
from pathlib import Path

# Streamlit puts this file's folder on the path; the packages are one up.
if (root := str(Path(__file__).resolve().parent.parent)) not in sys.path:
    sys.path.insert(0, root)

import core  # noqa: F401, I001 - sets what must be set before torch is imported

import streamlit as st

from dashboard import controls, look, shared
from dashboard.pages import explore

st.set_page_config(page_title="Language neurons", page_icon=str(Path(__file__).with_name("icon.png")), layout="wide")
look.style()

page = st.navigation(
    [st.Page(explore.draw, title="Explore", icon=":material/scatter_plot:", url_path="", default=True)]
)
shared.set_experiment(controls.sidebar())
page.run()
