"""Which engine is meant, and what is said where there is none."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from core.cli.main import main
from core.cluster import connection, version
from core.cluster.connection import Cluster
from core.errors import ComputeError, SettingError


def test_an_engine_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(connection.ADDRESS, raising=False)
    assert [connection.chosen(name) for name in ("local", "auto", "ray")] == [None, None, ""]
    monkeypatch.setenv(connection.ADDRESS, "head:6379")
    assert [connection.chosen(name) for name in ("local", "auto", "ray")] == [None, "head:6379", "head:6379"]
    assert connection.chosen("ray://head:10001") == "ray://head:10001"
    for named, address in (("auto", "auto"), ("local", "")):  # as Ray means them
        monkeypatch.setenv(connection.ADDRESS, named)
        assert connection.chosen("ray") == address
    monkeypatch.setenv(connection.ADDRESS, "head")
    with pytest.raises(SettingError, match="RAY_ADDRESS=head: it is no address"):
        connection.chosen("auto")
    with pytest.raises(SettingError, match="no engine"):
        connection.chosen("slurm")


def test_as_many_workers_as_there_is_room_for() -> None:
    cluster = Cluster(sys, "", (16, 4), (5, 3))
    assert [place["num_cpus"] for place in cluster.places(0)] == [8, 8, 4]
    assert [place["num_cpus"] for place in cluster.places(0, 2)] == [4, 4]
    assert [place["num_gpus"] for place in cluster.places(4)] == [4]
    # A worker's GPUs are of one machine: three of them here and one there, and no worker of more than five.
    assert cluster.places(2) == [{"num_cpus": 1, "num_gpus": 2}] * 3
    with pytest.raises(SettingError, match=r"no machine with 6 and a core; the most that one has are 5"):
        cluster.places(6)
    assert len(Cluster(sys, "", (1, 0), (4, 4)).places(2)) == 1  # for want of cores
    with pytest.raises(SettingError, match="Give --gpus-per-model 0"):
        Cluster(sys, "", (16,), (0,)).places(1)


def test_nobody_answers_and_no_ray(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        address = f"ray://127.0.0.1:{unheard.getsockname()[1]}"
        arguments = ["sweep", "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"), "--engine", address]
        assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "nothing answers there" in said
    assert "ray start" in said
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(arguments) == 2
    assert "Ray is not installed" in capsys.readouterr().err
    assert main([*arguments[:-1], "local", "--workers", "2"]) == 2
    assert "only worker" in capsys.readouterr().err


def test_a_worker_of_another_version_is_refused() -> None:
    about = {"version": "0.0.1", "stages": version.stages(), "host": "there", "pid": 1}
    with pytest.raises(ComputeError, match=r"version 0\.0\.1"):
        version.check(about)
    with pytest.raises(ComputeError, match="changed"):
        version.check({**about, "version": version.__version__, "stages": "other"})
