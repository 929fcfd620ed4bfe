"""Runs batches at the same time on a processor's cores, each in a thread of its own.

One pass spread over all cores waits at the end of each of its thousands of small operations for the slowest core;
passes that share nothing never wait. With two cores this gave 1.25 to 1.35 times the tokens a second, also beside a
busy process.

Passes also share Python's lock with everything else that the process does: see `frequent_switches`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

import torch

B = TypeVar("B")
R = TypeVar("R")

# The most batches at once. More threads would wait for Python's lock longer than they compute.
MOST = 8

# Seconds that a thread may keep Python's lock while a model runs, and the largest rounding error of reading it back.
SWITCH_INTERVAL = 1e-4
_ROUNDING = 1e-6
_switching = threading.Lock()
_passes = 0
_interval_before = 0.0


@contextmanager
def frequent_switches() -> Iterator[None]:
    """Make threads hand over Python's lock more often, while a model runs.

    A forward pass takes the lock thousands of times a second. Beside a thread that computes in Python (a page being
    drawn, a kernel being compiled) each time cost up to the interval: 42 tokens a second with Python's default of 5 ms,
    517 with `SWITCH_INTERVAL`.

    The interval belongs to the whole process: the first of several passes shortens it, the last restores it. If it was
    shorter already, or other code has set another meanwhile, it stays as it is.
    """
    global _passes, _interval_before
    with _switching:
        if not _passes:
            _interval_before = sys.getswitchinterval()
            sys.setswitchinterval(min(_interval_before, SWITCH_INTERVAL))
        _passes += 1
    try:
        yield
    finally:
        with _switching:
            _passes -= 1
            ours = min(_interval_before, SWITCH_INTERVAL)
            if not _passes and abs(sys.getswitchinterval() - ours) < _ROUNDING:
                sys.setswitchinterval(_interval_before)


def count(device: torch.device) -> int:
    """Return how many batches a device computes at once: one for each core, up to `MOST`; one on a GPU."""
    return min(torch.get_num_threads(), MOST) if device.type == "cpu" else 1


def side_by_side(work: Callable[[B], R], batches: Sequence[B], streams: int) -> Iterator[tuple[B, R]]:
    """Apply ``work`` to every batch, ``streams`` at once; yield each batch and its result as they finish.

    The cores are divided among the streams. If ``work`` or the consumer raises, the other streams finish their current
    batch, and then the exception is passed on. A single batch also gets one stream's share of the cores: the number of
    threads decides the last bits of a product, and a batch's numbers must not depend on the batches beside it.
    """
    if streams < 2:
        for batch in batches:
            yield batch, work(batch)
        return
    threads = torch.get_num_threads()
    ready = threading.Barrier(streams + 1)

    def begin() -> None:
        torch.get_num_threads()  # the first call in a thread takes over the number last set; then it can be changed
        torch.set_num_threads(max(1, threads // streams))
        ready.wait()

    pool = ThreadPoolExecutor(streams, thread_name_prefix="stream", initializer=begin)
    try:
        waiting = {pool.submit(lambda: None) for _ in range(streams)}
        ready.wait()
        torch.set_num_threads(threads)  # new threads start with the number last set
        wait(waiting)
        running = {pool.submit(work, batch): batch for batch in batches}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
