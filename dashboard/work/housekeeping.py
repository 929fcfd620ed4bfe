"""Keeps the cache within its limit while the server runs."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from core.errors import AskError
from core.store import quota
from core.store.store import Store
from core.sweep import status
from dashboard.work import process
from dashboard.work.job import Job
from dashboard.work.queue import Jobs

log = logging.getLogger(__name__)

_EVERY, _AT_LEAST_EVERY = 60.0, 3600.0  # seconds
# A job may have looked up what it needs before the round that saw it first. What one that has not begun will need, it
# looks up when it begins, and computes what has gone: there is always one that waits.
_BEFORE = 2 * _EVERY


def stored(root: Path) -> tuple[tuple[str, int], ...]:
    """What changes when something is stored or removed: the times of a cache's folders of stages and of uploads."""
    return tuple(sorted((path.name, path.stat().st_mtime_ns) for path in root.iterdir() if path.is_dir()))


@dataclass
class Housekeeping:
    """Looks at a cache now and then.

    Attributes
    ----------
    limit : int
        Bytes.
    """

    store: Store
    jobs: Jobs
    limit: int
    _seen: dict[int, tuple[Job, float]] = field(default_factory=dict)

    def round(self) -> quota.FreedSpace:
        """Take away what has expired or does not fit; nothing that was used since the oldest work under way began.

        That is a job of this server, or a sweep over the same cache, wherever it runs.
        """
        now = time.time()
        begun = {id(job): job for job in self.jobs.all() if job.state == "running" or job.paused}
        self._seen = {key: self._seen.get(key, (job, now)) for key, job in begun.items()}
        moments = [moment for _, moment in self._seen.values()]
        if (sweep := status.began(self.store.root)) is not None:
            moments.append(sweep)
        since = min(moments, default=now) - _BEFORE
        freed = quota.enforce(self.store, self.limit, since)
        if freed.artefacts:
            self.jobs.drop_answers()
        return freed

    def keep(self) -> None:
        """Do so for good: whenever something was stored, and now and then."""
        seen: tuple[tuple[str, int], ...] = ()
        looked = 0.0
        while True:
            try:
                now = stored(self.store.root)
                if now != seen or time.monotonic() - looked > _AT_LEAST_EVERY:
                    self.round()
                    seen, looked = stored(self.store.root), time.monotonic()
            except (AskError, OSError):  # a disk that cannot be written to: the next round tries again
                log.exception("the cache could not be kept within its limit")
            time.sleep(_EVERY)


@st.cache_resource(show_spinner=False)
def start() -> Housekeeping:
    """Begin in the background, once a process."""
    store = process.engine().store
    keeper = Housekeeping(store, process.jobs(), quota.limit(store.root))
    threading.Thread(target=keeper.keep, name="housekeeping", daemon=True).start()
    return keeper
