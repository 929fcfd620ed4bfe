"""A Ray cluster that was there before: nodes as ``ray start`` makes them, on loopback, and commands that join them."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from core.cluster import pool
from tests.helpers.command_line import ROOT
from tests.helpers.ports import free_port

_HEAD, _OTHER = "127.0.0.2", "127.0.0.3"  # Ray takes 127.0.0.1 for the address that others know this machine by
# Whoever runs the tests may ignore interruptions, and what they start would do so too.
_COMMAND = """
import signal, sys
from core.cli.main import main
from core.cluster import pool
signal.signal(signal.SIGINT, signal.default_int_handler)
pool.SILENCE = float(sys.argv.pop(1))
sys.exit(main())
"""
# Run by Python where it starts: the first process that is to serve a client of Ray ends at once.
_FAILS_ONCE = """
import os, pathlib, sys
marker = pathlib.Path(__file__).with_name("failed")
if "--mode=specific-server" in sys.orig_argv and not marker.exists():
    marker.touch()
    os._exit(1)
"""


@dataclass(frozen=True)
class Node:
    """A machine of a cluster, as far as Ray can tell: ``ray start`` and all that it has started."""

    process: subprocess.Popen[str]

    def workers(self) -> list[psutil.Process]:
        """The processes that compute."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if _title(child).startswith("ray::Worker")]

    def kill(self) -> list[psutil.Process]:
        """End all at once, as a power cut does; returns what there was."""
        this = psutil.Process(self.process.pid)
        found = [this, *this.children(recursive=True)]
        for each in found:
            each.kill()
        return found


@dataclass(frozen=True)
class Head(Node):
    """The first machine of a cluster.

    Attributes
    ----------
    address, client : str
        To join it as a driver, and by Ray's client.
    token : dict of str to str
        The variable that lets a command in.
    folder : str
        Where Ray keeps its files.
    """

    address: str
    client: str
    token: dict[str, str]
    folder: str

    @property
    def failed(self) -> bool:
        """Whether a process that was to serve a client did not start, as the first never does."""
        return (Path(self.folder) / "failed").exists()


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return ""


def without_ray() -> dict[str, str]:
    """The environment, less what Ray has set in this process."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}


@contextmanager
def _started(arguments: list[str], host: str, token: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A node with one core; gives its process, and what it said until it was ready."""
    common = ["--node-ip-address", host, "--num-cpus", "1", "--object-store-memory", "80000000", "--block"]
    ports = ["--min-worker-port", "0", "--max-worker-port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", "start", *arguments, *common, *ports],
        env={
            **without_ray(),
            **token,
            "RAY_AUTH_MODE": "token",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    said = ""
    try:
        while "--block" not in said:  # the last that it says
            line = process.stdout.readline()
            assert line, f"the node ended: {said}"
            said += line
        yield process, said
    finally:
        left = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.send_signal(signal.SIGTERM)
        for each in psutil.wait_procs(left, timeout=20)[1]:
            each.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def head() -> Iterator[Head]:
    """Start a cluster of one machine with one core, that asks for a token and has a server for Ray's client.

    The first process that is to serve a client fails to start, as happens now and then.
    """
    port = free_port(_HEAD)
    token = {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
    # The paths of Ray's sockets have little room.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        arguments = ["--head", "--port", "0", "--ray-client-server-port", str(port), "--temp-dir", folder]
        arguments += ["--include-dashboard", "false"]
        (Path(folder) / "sitecustomize.py").write_text(_FAILS_ONCE, encoding="utf-8")
        with _started(arguments, _HEAD, {**token, "PYTHONPATH": folder}) as (process, said):
            (address,) = set(re.findall(r"--address='([^']+)'", said))
            yield Head(process, address, f"ray://{_HEAD}:{port}", token, folder)


@contextmanager
def another(first: Head) -> Iterator[Node]:
    """Start a further machine with one core."""
    with _started(["--address", first.address], _OTHER, first.token) as (process, _):
        yield Node(process)


@contextmanager
def command(
    log: Path, arguments: list[str], environment: dict[str, str], silence: float = pool.SILENCE
) -> Iterator[subprocess.Popen[str]]:
    """``python -m core ...`` as a process, ended at the latest when this is; what it says goes into a file.

    Parameters
    ----------
    silence : float
        Seconds after which it gives up a worker whose machine has gone.
    """
    with log.open("w", encoding="utf-8") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, str(silence), *arguments],
            cwd=ROOT,
            env={**without_ray(), "PYTHONPATH": str(ROOT), **environment},
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
