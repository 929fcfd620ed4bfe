"""Batches side by side: everything once, the cores shared out, an error ends the rest."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from core import parallel
from core.inference.batching import tokenise
from core.inference.forward import forward
from core.inference.generation import generate
from core.inference.perplexity import likelihoods
from core.models.loaded_model import LoadedModel
from tests.helpers.bench import LONG
from tests.helpers.tiny import sentences


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("batches", [0, 1, 2, 23])
def test_every_batch_is_worked_on_once(count: int, batches: int) -> None:
    found = list(parallel.side_by_side(lambda n: n * n, range(batches), count))
    assert sorted(found) == [(n, n * n) for n in range(batches)]


def test_as_many_at_once_as_asked_each_in_its_share_of_the_cores() -> None:
    meeting = threading.Barrier(2, timeout=LONG)  # passes only if two are at work at the same time
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


@pytest.fixture
def dropped(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when a pool has dropped the batches that had not begun, and before it waits for the others."""
    event, shutdown = threading.Event(), ThreadPoolExecutor.shutdown

    def spy(pool: ThreadPoolExecutor, wait: bool = True, *, cancel_futures: bool = False) -> None:
        shutdown(pool, wait=False, cancel_futures=cancel_futures)
        event.set()
        shutdown(pool, wait=wait)

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", spy)
    return event


def test_an_error_ends_the_rest(dropped: threading.Event) -> None:
    seen: list[int] = []

    def work(batch: int) -> None:
        seen.append(batch)
        if batch == 1:
            raise KeyError("broken")
        assert dropped.wait(LONG)

    with pytest.raises(KeyError, match="broken"):
        list(parallel.side_by_side(work, range(100), 2))
    assert {0, 1} <= set(seen) <= {0, 1, 2}  # the stream that failed may have begun another
    assert not [t for t in threading.enumerate() if t.name.startswith("stream")]


def test_a_consumer_that_gives_up_ends_the_rest(dropped: threading.Event) -> None:
    seen: list[int] = []

    def work(batch: int) -> None:
        seen.append(batch)
        assert batch == 0 or dropped.wait(LONG)

    for _ in parallel.side_by_side(work, range(100), 2):
        break
    assert set(seen) <= {0, 1, 2}


def test_one_stream_on_anything_but_a_processor() -> None:
    assert parallel.count(torch.device("meta")) == 1
    assert parallel.count(torch.device("cpu")) == min(torch.get_num_threads(), parallel.MOST)


@pytest.fixture
def default_interval() -> Iterator[float]:
    """Python's own switch interval, in which a test begins."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.005)
    yield 0.005
    sys.setswitchinterval(before)


def test_threads_switch_often_only_while_a_pass_runs(default_interval: float) -> None:
    with parallel.frequent_switches():
        assert sys.getswitchinterval() == pytest.approx(parallel.SWITCH_INTERVAL)
        with parallel.frequent_switches():
            pass
        assert sys.getswitchinterval() == pytest.approx(parallel.SWITCH_INTERVAL)  # the outer one still runs
    assert sys.getswitchinterval() == pytest.approx(default_interval)


def test_a_models_passes_switch_often(tiny_models: dict[str, LoadedModel], default_interval: float) -> None:
    model, seen = tiny_models["llama"], []

    def note(_: float) -> None:
        seen.append(sys.getswitchinterval())

    forward(model, tokenise(model, sentences("en", 2)), advance=note)
    likelihoods(model, list(sentences("en", 2)), advance=note)
    generate(model, "The dog", max_tokens=2, n_samples=1, advance=note)
    assert len(seen) >= 3
    assert seen == pytest.approx([parallel.SWITCH_INTERVAL] * len(seen))
    assert sys.getswitchinterval() == pytest.approx(default_interval)


def test_the_last_of_several_passes_puts_the_interval_back(default_interval: float) -> None:
    both, leave = threading.Barrier(2, timeout=LONG), threading.Event()

    def other_pass() -> None:
        with parallel.frequent_switches():
            both.wait()
            leave.wait(LONG)

    thread = threading.Thread(target=other_pass)
    with parallel.frequent_switches():
        thread.start()
        both.wait()
    assert sys.getswitchinterval() == pytest.approx(parallel.SWITCH_INTERVAL)
    leave.set()
    thread.join()
    assert sys.getswitchinterval() == pytest.approx(default_interval)


def test_a_pass_that_fails_puts_the_interval_back(default_interval: float) -> None:
    with pytest.raises(KeyError), parallel.frequent_switches():
        raise KeyError("broken")
    assert sys.getswitchinterval() == pytest.approx(default_interval)


@pytest.mark.usefixtures("default_interval")
@pytest.mark.parametrize("chosen", [1e-5, 0.02])
def test_an_interval_that_somebody_chose_stays(chosen: float) -> None:
    if chosen < parallel.SWITCH_INTERVAL:
        sys.setswitchinterval(chosen)
    with parallel.frequent_switches():
        if chosen > parallel.SWITCH_INTERVAL:
            sys.setswitchinterval(chosen)
        assert sys.getswitchinterval() == pytest.approx(chosen)
    assert sys.getswitchinterval() == pytest.approx(chosen)
