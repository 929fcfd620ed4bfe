"""Commands on a cluster that was there before: whatever dies, the bits are those of one process."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import psutil
import pytest

from core.cluster import reach
from core.cluster.connection import connected
from core.errors import ComputeError
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.store.store import Store
from core.sweep import run
from core.sweep.settings import Sweep
from core.sweep.tasks import Task
from tests.helpers import ray_cluster
from tests.helpers.ray_cluster import Head, command

_STRENGTHS = (0.0, 0.5, 0.75, 1.0)


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    with ray_cluster.head() as started:
        yield started


@pytest.fixture(scope="module")
def cells(asked: Experiment) -> list[Experiment]:
    """What the commands are asked for."""
    base = replace(asked, languages=("en", "ja"))
    return Sweep(base, (base.model,), ("ja",), ("set-mean",), (10,), _STRENGTHS).cells()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """One process that nothing befalls."""
    return Engine(Store(tmp_path_factory.mktemp("alone") / "cache"))


@pytest.fixture(scope="module")
def undisturbed(alone: Engine, cells: list[Experiment]) -> bytes:
    """Its table."""
    return run.sweep(alone, cells, "measures", alone.store.root / run.TABLE).table.read_bytes()


def arguments(asked: Experiment, folder: Path, *more: str) -> list[str]:
    return [
        *("sweep", "--models", asked.model, "--dtype", "float32", "--device", "cpu", "--corpus", asked.corpus),
        *("--targets", "ja", "--experts", "10", "--strengths", ",".join(map(str, _STRENGTHS))),
        *("--languages", "en,ja", "--probe-languages", ",".join(asked.probe_languages), "--seed", str(asked.seed)),
        *("--out", str(folder / "out"), "--cache", str(folder / "cache"), *more),
    ]


def waits_for(process: subprocess.Popen[str], what: Callable[[], object], log: Path) -> None:
    """Until something has happened, while a command runs."""
    while not what():
        assert process.poll() is None, log.read_text(encoding="utf-8")
        time.sleep(0.05)


def test_a_command_without_the_token_is_refused_in_words(asked: Experiment, head: Head, tmp_path: Path) -> None:
    log = tmp_path / "said.txt"
    tried = (
        ({}, "it asks for a token, and none was sent"),
        ({"RAY_AUTH_TOKEN_PATH": str(tmp_path / "none")}, "cannot be opened"),
    )
    for environment, why in tried:
        with command(log, arguments(asked, tmp_path, "--engine", head.address), environment) as process:
            assert process.wait() == 2
        what, reason, instead = log.read_text(encoding="utf-8").splitlines()
        assert what == f"error: join the cluster at {head.address}"
        assert why in reason
        assert instead.startswith("  instead: Give ")


def test_a_token_is_sent_to_the_cluster_that_asks_and_to_no_later_one(
    head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(reach.MODE, raising=False)
    monkeypatch.setenv(reach.TOKENS[0], "0" * 64)
    with pytest.raises(ComputeError, match="does not accept the token that was sent"), connected(head.address):
        pass
    assert reach.MODE not in os.environ


def test_why_rays_client_was_not_let_in(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(ComputeError, match=r"asks for a token|does not accept the token"):
        reach.explain(head.client)
    with pytest.raises(ComputeError, match="another of Ray's services answers"):
        reach.explain(head.client.removeprefix("ray://"))


def test_killed_then_stopped_then_finished_by_rays_client_it_gives_the_bits_of_one_process(
    asked: Experiment, head: Head, tmp_path: Path, alone: Engine, cells: list[Experiment], undisturbed: bytes
) -> None:
    joined = arguments(asked, tmp_path, "--engine", head.address)
    log, table, store = tmp_path / "said.txt", tmp_path / "out" / run.TABLE, Store(tmp_path / "cache")

    with command(log, joined, head.token) as process:
        waits_for(process, lambda: list(store.entries("responses")), log)
        (worker,) = head.workers()
        process.send_signal(signal.SIGKILL)
    assert psutil.wait_procs([worker], timeout=60)[1] == []
    assert not table.exists()

    # The only core is free again. The last cell is not measured before the command is stopped: its space is locked.
    last = Task("space", cells[-1], "last", modified=True).lock(alone)
    assert last is not None
    with store.lock(*last), command(log, joined, head.token) as process:
        waits_for(process, lambda: "3 of 4 cells" in log.read_text(encoding="utf-8"), log)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 128 + signal.SIGINT
    assert log.read_text(encoding="utf-8").splitlines()[-1] == "stopped; what was finished is kept in the cache"
    assert 1 <= pd.read_parquet(table).digest.nunique() < len(_STRENGTHS)
    assert psutil.wait_procs(head.workers(), timeout=60)[1] == []

    by_client = arguments(asked, tmp_path, "--engine", head.client)
    with command(log, by_client, head.token) as process:
        assert process.wait() == 0, log.read_text(encoding="utf-8")
    assert head.failed  # at the first try
    said = log.read_text(encoding="utf-8")
    assert "4 cells: 0 known" not in said
    assert "0 to measure" not in said
    assert table.read_bytes() == undisturbed


def test_a_machine_that_goes_in_the_middle_leaves_the_bits_of_one_process(
    asked: Experiment, head: Head, tmp_path: Path, undisturbed: bytes
) -> None:
    log = tmp_path / "said.txt"
    sweep = arguments(asked, tmp_path, "--engine", head.address)
    with ray_cluster.another(head) as node, command(log, sweep, head.token, silence=15) as process:
        waits_for(process, lambda: list(Store(tmp_path / "cache").entries("responses")), log)
        assert len(node.workers()) == 1
        gone = node.kill()
        assert process.wait() == 0, log.read_text(encoding="utf-8")
        assert psutil.wait_procs(gone, timeout=20)[1] == []
    assert "with 2 workers" in log.read_text(encoding="utf-8")
    assert (tmp_path / "out" / run.TABLE).read_bytes() == undisturbed
