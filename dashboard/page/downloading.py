"""What a page shows where its model is not on this machine: how large it is, a button, and the download's progress."""

from __future__ import annotations

import streamlit as st

from core import access
from core.errors import AskError
from core.experiment.settings import Experiment
from core.models import download
from core.models.download import Download
from core.models.load import check_download
from core.pipeline.backend import Request
from core.stats.units import counted
from dashboard.charts import theme
from dashboard.work import downloads, process
from dashboard.work.downloads import RunningDownload


def may_begin(request: Request) -> bool:
    """Whether a request's model is on this machine; else draw what it takes to have it, and what became of that.

    Raises
    ------
    AskError
        If the request is impossible, or the download would be, or this server computes nothing.
    """
    if access.reads_only():
        raise AskError(
            "a setting that is not computed yet",
            "this server shows what is known, and computes nothing",
            "Go back to the opening setting, or run the software on a machine of your own.",
        )
    experiment = request if isinstance(request, Experiment) else getattr(request, "experiment", None)
    if not isinstance(experiment, Experiment):
        return True
    bound = process.engine().plan(experiment)
    needed = download.pending(bound.resolved)
    if needed is None:
        return True
    running = downloads.shared().find(needed)
    if running is not None and not running.ended:
        _progress(needed)
        return False
    if running is not None and isinstance(running.error, AskError):
        downloads.shared().forget(needed)
        raise running.error
    check_download(needed, bound.resolved)
    with st.container(border=True):
        st.markdown("## This model is not on this machine")
        theme.quiet(
            f"{needed.name} at revision {needed.revision[:12]} has {needed.nbytes / 1e6:,.1f} MB in "
            f"{counted(len(needed.files), 'file')} on the Hugging Face hub. The download ends when nobody looks at it."
        )
        if st.button("Download it", type="primary", key=f"download-{needed.revision}"):
            downloads.shared().begin(needed)
            st.rerun()
    return False


@st.fragment(run_every=1.0)
def _progress(needed: Download) -> None:
    running: RunningDownload | None = downloads.shared().find(needed)
    if running is None or running.ended:
        st.rerun()
    share = running.come / max(needed.nbytes, 1)
    st.progress(min(share, 1.0), f"Downloading {running.come / 1e6:,.1f} of {needed.nbytes / 1e6:,.1f} MB")
