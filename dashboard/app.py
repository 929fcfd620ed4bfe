"""The dashboard's entry point: ``streamlit run dashboard/app.py``. Navigation and the shared controls."""

import sys
from pathlib import Path

# Streamlit puts this file's folder on the path; the packages are one up.
if (root := str(Path(__file__).resolve().parent.parent)) not in sys.path:
    sys.path.insert(0, root)

import core  # noqa: F401, I001 - sets what must be set before torch is imported

import os

import streamlit as st

from core import access
from core.experiment.title import in_words
from dashboard.page_table import PAGES
from dashboard.sidebar import controls
from dashboard.charts import theme
from dashboard.work import housekeeping
from dashboard.work import preload
from dashboard.work import process
from dashboard.state import presentation
from dashboard.state import role
from dashboard.state import session
from dashboard.text import tour

os.environ.setdefault(access.ONLY_ASKED, "asked")  # as `python -m dashboard` does
st.set_page_config(page_title="Language neurons", page_icon=str(Path(__file__).with_name("icon.png")), layout="wide")
theme.style()

if not role.enters():
    st.stop()

# The link says whether there is a sidebar, so it is asked before the controls read it.
presenting = controls.presenting()
page = st.navigation(
    [entry.as_streamlit() for entry in PAGES.values()], position="top" if presenting else "sidebar", expanded=True
)
session.visitor().sees(page.url_path)
experiment = controls.unchanged() if presenting else controls.sidebar()
if presenting:
    presentation.style()
    with st.container(key="presenter-bar"):
        theme.quiet(in_words(experiment))
    if st.button("Leave presenter mode", icon=":material/close_fullscreen:", key="leave-presenter"):
        presentation.present(False)
        st.rerun()
tour.draw()
for problem in session.visitor().problems:
    theme.problem(problem)
page.run()
if not access.reads_only():
    housekeeping.start()
if access.works_unasked():
    preload.soon(process.jobs(), process.engine(), experiment)
