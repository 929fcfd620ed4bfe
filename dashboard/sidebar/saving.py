"""Downloads: the setting as a file for the command line, and a report of its result."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.experiment.file import file_stem, write_experiment
from core.experiment.settings import Experiment
from dashboard.charts import theme
from dashboard.text import report
from dashboard.work import process


def draw(experiment: Experiment) -> None:
    """Draw the files of the setting, in the sidebar."""
    stem, folder = file_stem(experiment), st.expander("Save", key="sidebar-save", on_change="rerun")
    if not folder.open:
        return
    with folder:
        st.download_button(
            "The setting (JSON)",
            write_experiment(experiment),
            f"{stem}.json",
            "application/json",
            key="save-experiment",
            on_click="ignore",
            width="stretch",
            help=f"python -m core run --experiment {stem}.json",
        )
        computed = process.known(experiment) is not None
        st.download_button(
            "A report (HTML)",
            partial(_report, experiment),
            f"{stem}.html",
            "text/html",
            key="save-report",
            on_click="ignore",
            width="stretch",
            disabled=not computed,
            help="One file with the pictures, the numbers and their conditions, that opens without this program.",
        )
        if not computed:
            theme.quiet("The report can be saved once the setting is computed.")


def _report(experiment: Experiment) -> bytes:
    result = process.jobs().result(experiment)
    if result is None:
        raise ValueError("the setting is not computed yet")
    return report.html(result).encode()
