"""Stops a sweep from elsewhere: the request is a small file beside the one that says how the sweep goes."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.progress import Cancelled

_LOOK = 0.5  # seconds between two looks for a request
_WITHIN = 1.0  # seconds for a report to stop the work, before it is interrupted


class Stop:
    """Whether the work of this process is asked to stop.

    Its reports stop it, by `check`. Work that reports nothing for a second (a model is being loaded) is interrupted, as
    by Ctrl-C: in the main thread alone, and not where the process ignores that.

    Parameters
    ----------
    request : Path
        A file that nobody but who asks for the stop writes.
    """

    def __init__(self, request: Path) -> None:
        self._request = request
        self._asked, self._over = threading.Event(), threading.Event()
        self._interrupted = False

    def check(self) -> None:
        """Raise `Cancelled` if the work is asked to stop."""
        if self._asked.is_set():
            self._over.set()
            raise Cancelled

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look for the request while some work goes on; the request is taken away at the end.

        Raises
        ------
        Cancelled
            Where it was stopped.
        """
        in_main = threading.current_thread() is threading.main_thread()
        interrupts = in_main and callable(signal.getsignal(signal.SIGINT))
        watcher = threading.Thread(target=self._watch, args=(interrupts,), name="stop", daemon=True)
        watcher.start()
        try:
            try:
                yield
            finally:
                self._over.set()
                watcher.join()  # it may be about to interrupt: that comes here then
        except KeyboardInterrupt:
            if self._interrupted:
                raise Cancelled from None
            raise
        finally:
            with suppress(OSError):
                self._request.unlink(missing_ok=True)

    def _watch(self, interrupts: bool) -> None:
        while not self._over.wait(_LOOK):
            with suppress(OSError):  # the folder is not to be had at the moment
                self._request.stat()
                self._asked.set()
                break
        if self._asked.is_set() and not self._over.wait(_WITHIN) and interrupts:
            self._interrupted = True
            _interrupt()


def _interrupt() -> None:
    """Do as Ctrl-C does."""
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGINT)  # also where it waits for the system
    else:
        _thread.interrupt_main()
