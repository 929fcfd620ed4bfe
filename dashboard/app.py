"""The dashboard's entry point: ``streamlit run dashboard/app.py``. Navigation and the shared controls."""

import sys
from pathlib import Path

# Streamlit puts this file's folder on the path; the packages are one up.
if (root := str(Path(__file__).resolve().parent.parent)) not in sys.path:
    sys.path.insert(0, root)

import core  # noqa: F401, I001 - sets what must be set before torch is imported

import streamlit as st

from dashboard import controls, look, preload, screen, shared, tour
from dashboard.page import (
    compare,
    experts,
    explore,
    generate,
    jobs,
    layers,
    reproduction,
    retrieval,
    sentences,
    what_if,
)

st.set_page_config(page_title="Language neurons", page_icon=str(Path(__file__).with_name("icon.png")), layout="wide")
look.style()

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
shared.set_pages(pages, page.url_path)
experiment = controls.unchanged() if presenting else controls.sidebar()
shared.set_experiment(experiment)
if presenting:
    screen.style()
    if st.button("Leave presenter mode", icon=":material/close_fullscreen:", key="leave-presenter"):
        screen.present(False)
        st.rerun()
tour.draw()
page.run()
preload.soon(experiment)
