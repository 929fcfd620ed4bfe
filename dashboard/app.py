"""The dashboard's entry point: ``streamlit run dashboard/app.py``. Navigation and the shared controls."""

import sys
from pathlib import Path

# Streamlit puts this file's folder on the path; the packages are one up.
if (root := str(Path(__file__).resolve().parent.parent)) not in sys.path:
    sys.path.insert(0, root)

import core  # noqa: F401, I001 - sets what must be set before torch is imported

import streamlit as st

from dashboard.sidebar import controls
from dashboard.charts import theme
from dashboard.work import preload
from dashboard.work import process
from dashboard.state import presentation
from dashboard.state import session
from dashboard.text import tour
from dashboard.page import compare
from dashboard.page import experts
from dashboard.page import explore
from dashboard.page import generate
from dashboard.page import jobs
from dashboard.page import layers
from dashboard.page import reproduction
from dashboard.page import retrieval
from dashboard.page import sentences
from dashboard.page import what_if

st.set_page_config(page_title="Language neurons", page_icon=str(Path(__file__).with_name("icon.png")), layout="wide")
theme.style()

_PAGES = {
    "": (explore.draw, "Explore", "scatter_plot"),
    "retrieval": (retrieval.draw, "Retrieval", "travel_explore"),
    "layers": (layers.draw, "Layers", "stacked_line_chart"),
    "experts": (experts.draw, "Experts", "neurology"),
    "what-if": (what_if.draw, "What if", "grid_on"),
    "sentences": (sentences.draw, "Sentences", "format_quote"),
    "generate": (generate.draw, "Generate", "edit_note"),
    "compare": (compare.draw, "Compare", "compare_arrows"),
    "reproduction": (reproduction.draw, "Reproduction", "fact_check"),
    "jobs": (jobs.draw, "Jobs and cache", "memory"),
}
pages = {
    path: st.Page(draw, title=title, icon=f":material/{icon}:", url_path=path, default=not path)
    for path, (draw, title, icon) in _PAGES.items()
}
# The link says whether there is a sidebar, so it is asked before the controls read it.
presenting = controls.presenting()
page = st.navigation(list(pages.values()), position="top" if presenting else "sidebar")
visitor = session.visitor()
visitor.pages, visitor.page = pages, page.url_path
experiment = controls.unchanged() if presenting else controls.sidebar()
if presenting:
    presentation.style()
    if st.button("Leave presenter mode", icon=":material/close_fullscreen:", key="leave-presenter"):
        presentation.present(False)
        st.rerun()
tour.draw()
page.run()
preload.soon(process.jobs(), process.engine(), experiment)
