"""Threads and processes share a store: who wants the same waits for one, and what the dead leave is swept."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from core.store.artefact import Artefact, Payload
from core.store.files import DamagedArtefact
from core.store.store import Store
from tests.helpers.bench import until
from tests.helpers.store import SPEC, assert_built, assert_sample, build, python, sample, temporaries

# --- computing once


def test_the_holder_of_the_lock_may_compute(store: Store) -> None:
    with store.lock("s", SPEC), Store(store.root).lock("s", SPEC):
        assert_sample(store.get_or_compute("s", SPEC, sample))


@pytest.mark.parametrize("same_store", [True, False])
def test_threads_that_want_the_same_compute_it_once(store: Store, same_store: bool) -> None:
    calls, results, started = [], [], threading.Barrier(4)
    computing, go_on = threading.Event(), threading.Event()

    def compute() -> Payload:
        calls.append(1)
        computing.set()
        go_on.wait(60)
        return sample()

    def ask() -> None:
        mine = store if same_store else Store(store.root)
        started.wait(60)
        results.append(mine.get_or_compute("s", SPEC, compute))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert computing.wait(60)
    assert store.find("s", SPEC) is None
    assert results == []
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert len(calls) == 1
    assert len(results) == 4
    assert_sample(results[-1])


def test_the_lock_excludes_other_threads(store: Store) -> None:
    entered: list[int] = []

    def enter() -> None:
        with store.lock("s", SPEC):
            entered.append(1)

    other = threading.Thread(target=enter)
    with store.lock("s", SPEC):
        other.start()
        until(lambda: store.waits, "the other thread waits")
        assert entered == []
    other.join(60)
    assert entered == [1]


def test_a_second_process_waits_for_the_first(store: Store) -> None:
    script = """
        from core.store.store import Store
        from tests.helpers.store import SPEC, sample
        def compute():
            print("computing", flush=True)
            sys.stdin.readline()
            return sample()
        Store(sys.argv[1]).get_or_compute("s", SPEC, compute)
    """
    process = python(script, store.root)
    assert process.stdout.readline() == "computing\n"
    results: list[Artefact] = []
    waiting = threading.Thread(
        target=lambda: results.append(store.get_or_compute("s", SPEC, lambda: pytest.fail("computed twice")))
    )
    waiting.start()
    until(lambda: store.waits, "this process waits")
    assert results == []
    process.communicate("go on\n", timeout=60)
    waiting.join(60)
    assert_sample(results[0])


# --- sweeping


def test_killed_from_outside_while_computing(store: Store) -> None:
    script = """
        from core.store.store import Store
        from tests.helpers.store import SPEC
        def build(folder):
            (folder / "half").write_bytes(b"x" * 1000)
            print("building", flush=True)
            sys.stdin.readline()
        Store(sys.argv[1]).get_or_build("s", SPEC, build)
    """
    process = python(script, store.root)
    assert process.stdout.readline() == "building\n"
    assert len(temporaries(store.root)) == 1
    Store(store.root)
    assert len(temporaries(store.root)) == 1, "the temporary folder of a living process was swept"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert store.find("s", SPEC) is None
    assert_built(Store(store.root).get_or_build("s", SPEC, build))
    assert temporaries(store.root) == []


def test_a_draft_of_this_very_thread_is_not_swept(store: Store) -> None:
    def build_and_open(folder: Path) -> dict:
        (folder / "x").write_bytes(b"x")
        Store(store.root)
        return {"left": sorted(path.name for path in folder.iterdir())}

    assert store.get_or_build("s", SPEC, build_and_open).facts == {"left": ["x"]}


def test_a_half_written_file_beside_the_artefacts_is_swept_once_it_is_old(store: Store) -> None:
    folder = store.root / "packs"
    folder.mkdir()
    old, new = folder / ".tmp-1-aabbccddeeff", folder / ".tmp-2-aabbccddeeff"  # as `core.store.disk` names them
    for path in (old, new, folder / "kept.pack"):
        path.write_bytes(b"half")
    os.utime(old, (1e9, 1e9))
    os.utime(folder / "kept.pack", (1e9, 1e9))
    store.sweep()
    assert sorted(folder.iterdir()) == [new, folder / "kept.pack"]


# --- removing


def test_remove_spares_the_successor(store: Store) -> None:
    old = store.put("s", SPEC, sample())
    store.remove(old)
    new = store.put("s", SPEC, sample())
    store.remove(old)
    assert store.find("s", SPEC) == new


def test_removed_while_in_use(store: Store) -> None:
    artefact = store.put("s", SPEC, sample())
    array = artefact.array("scores")
    store.remove(artefact)
    np.testing.assert_array_equal(array, sample().arrays["scores"])
    with pytest.raises(DamagedArtefact, match="it is missing"):
        artefact.array("scores")
