"""Downloads of models that a visitor has confirmed: beside the queue, and stopped when nobody waits for them."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field

import streamlit as st

from core.errors import AskError
from core.models import download
from core.models.download import Download
from core.progress import Cancelled

log = logging.getLogger(__name__)

_AWAY_AFTER = 15.0  # seconds since a page last looked


@dataclass
class RunningDownload:
    """One download.

    Attributes
    ----------
    come : int
        Bytes so far.
    error : AskError or str, optional
        Why it failed.
    ended : bool
        Whether it is over, well or not.
    """

    what: Download
    come: int = 0
    error: AskError | str | None = None
    ended: bool = False
    looked: float = field(default_factory=time.monotonic)

    def advance(self, count: int) -> None:
        """Count bytes; raises `Cancelled` where nobody has looked for a while."""
        self.come += count
        if time.monotonic() - self.looked > _AWAY_AFTER:
            raise Cancelled


class Downloads:
    """One download a model, whoever asks for it."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, str], RunningDownload] = {}
        self._lock = threading.Lock()

    def begin(self, what: Download) -> RunningDownload:
        """Begin, unless it is under way."""
        key = (what.name, what.revision)
        with self._lock:
            running = self._running.get(key)
            if running is None or running.ended:
                running = self._running[key] = RunningDownload(what)
                threading.Thread(target=self._work, args=(running,), name="download", daemon=True).start()
        return running

    def find(self, what: Download) -> RunningDownload | None:
        """The download of a model, under way or ended, and a note that somebody looks at it."""
        running = self._running.get((what.name, what.revision))
        if running is not None:
            running.looked = time.monotonic()
        return running

    def forget(self, what: Download) -> None:
        """Drop a download that has ended, so that it can be asked for anew."""
        with self._lock:
            running = self._running.get((what.name, what.revision))
            if running is not None and running.ended:
                del self._running[what.name, what.revision]

    def _work(self, running: RunningDownload) -> None:
        try:
            download.fetch(running.what, running.advance)
        except Cancelled:
            running.error = AskError(
                f"download {running.what.name}", "nobody waited for it any more", "Ask for it again: it goes on."
            )
        except AskError as refusal:
            running.error = refusal
        except BaseException as unexpected:
            log.exception("the download failed")
            running.error = f"{type(unexpected).__name__}: {' '.join(str(unexpected).split())}"
        finally:
            running.ended = True


@st.cache_resource(show_spinner=False)
def shared() -> Downloads:
    """The process's downloads."""
    return Downloads()
