"""Batches side by side: everything once, the cores shared out, an error ends the rest."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from core import parallel


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("batches", [0, 1, 2, 23])
def test_every_batch_is_worked_on_once(count: int, batches: int) -> None:
    found = list(parallel.side_by_side(lambda n: n * n, range(batches), count))
    assert sorted(found) == [(n, n * n) for n in range(batches)]


def test_as_many_at_once_as_asked_each_in_its_share_of_the_cores() -> None:
    meeting = threading.Barrier(2, timeout=30)  # passes only if two are at work at the same time
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:

        def work(_batch: int) -> int:
            meeting.wait()
            return torch.get_num_threads()

        assert [share for _, share in parallel.side_by_side(work, range(4), 2)] == [2, 2, 2, 2]
        assert torch.get_num_threads() == 4
        later: list[int] = []
        fresh = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        fresh.start()
        fresh.join()
        assert later == [4]  # threads that come later have all cores
    finally:
        torch.set_num_threads(before)


def test_an_error_ends_the_rest() -> None:
    seen: list[int] = []

    def work(batch: int) -> None:
        seen.append(batch)
        if batch == 1:
            raise KeyError("broken")
        time.sleep(0.05)

    with pytest.raises(KeyError, match="broken"):
        list(parallel.side_by_side(work, range(100), 2))
    assert len(seen) < 10
    assert not [t for t in threading.enumerate() if t.name.startswith("stream")]


def test_a_consumer_that_gives_up_ends_the_rest() -> None:
    seen: list[int] = []

    def work(batch: int) -> None:
        seen.append(batch)
        time.sleep(0.02)

    for _ in parallel.side_by_side(work, range(100), 2):
        break
    assert len(seen) < 10


def test_one_stream_on_anything_but_a_processor() -> None:
    assert parallel.count(torch.device("meta")) == 1
    assert parallel.count(torch.device("cpu")) == min(torch.get_num_threads(), parallel.MOST)
