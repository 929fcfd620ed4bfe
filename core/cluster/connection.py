"""The connection to a Ray cluster, or the start of one on this machine; refused in words where it cannot be.

Ray (pip install .[ray]) is imported only where a cluster is asked for.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from core import subprocesses
from core.cluster.reach import ADDRESS, CLIENT, FOUND, check, explain, named_by_port, own_mode
from core.errors import AskError, ComputeError, SettingError
from core.stats.units import counted

LOCAL, AUTO, RAY = "local", "auto", "ray"
"""Engines: this process; a cluster where `ADDRESS` names one, else this process; a cluster, or one started here."""

_STARTED = "local"  # an address to Ray: none, start one
_OBJECTS = 100_000_000  # bytes of Ray's own store where it is started here: results go through the cache
_MOST_CORES = 8  # of a worker; more streams would wait for Python's lock (`core.parallel.MOST`)
# What a client server says whose process for this client did not start: it may at the next try (`explain`).
_NOT_STARTED = ("Starting Ray client server failed", "Proxy failed to Connect to backend")
_TRIES = 5


@dataclass(frozen=True)
class Cluster:
    """A cluster that was joined.

    Attributes
    ----------
    ray : module
    address : str
        Empty where it was started here.
    cores, gpus : tuple of int, (n_machines,)
        Of each machine.
    """

    ray: ModuleType
    address: str
    cores: tuple[int, ...]
    gpus: tuple[int, ...]

    def about(self) -> str:
        """What it is, in words."""
        where = f"Ray at {self.address}" if self.address else "Ray on this machine"
        gpus = f", {counted(sum(self.gpus), 'GPU')}" if any(self.gpus) else ""
        return f"{where}: {counted(len(self.cores), 'machine')}, {counted(sum(self.cores), 'core')}{gpus}"

    def places(self, gpus_per_model: int, workers: int | None = None) -> list[dict[str, float]]:
        """What each worker takes of the cluster, as Ray's options: as many workers as there is room for.

        A worker's GPUs are of one machine, since its processes share a model through that; it is one actor, to which
        Ray gives all that it takes or nothing.

        Parameters
        ----------
        gpus_per_model : int
            0 for the processor.
        workers : int, optional
            So many, who share the cores.

        Raises
        ------
        SettingError
            If there will never be room for one.
        """
        if gpus_per_model:
            machines = [(cores, gpus) for cores, gpus in zip(self.cores, self.gpus, strict=True) if cores]
            room = sum(min(gpus // gpus_per_model, cores) for cores, gpus in machines)
            if not room:
                most = max((gpus for _, gpus in machines), default=0)
                instead = f"Give --gpus-per-model {most} or fewer" if most else "Give --gpus-per-model 0"
                raise SettingError(
                    f"workers with {gpus_per_model} GPUs each",
                    f"{self.about()} has no machine with {gpus_per_model} and a core; the most that one has are {most}",
                    f"{instead}, or add a machine with {gpus_per_model} to the cluster.",
                )
            return [{"num_cpus": 1, "num_gpus": gpus_per_model}] * min(room, workers or room)
        if workers:
            each = max(1, sum(self.cores) // workers)
            return [{"num_cpus": min(each, *filter(None, self.cores), _MOST_CORES)}] * workers
        return [
            {"num_cpus": min(cores, _MOST_CORES)}
            for cores in self.cores
            for _ in range(max(1, cores // _MOST_CORES))
            if cores
        ]


def chosen(engine: str) -> str | None:
    """The address that the name of an engine means: None for this process, empty for a cluster that is started here.

    Parameters
    ----------
    engine : str
        ``local``, ``auto``, ``ray``, ``ray://HOST:PORT`` or ``HOST:PORT``.

    Raises
    ------
    SettingError
        If it is none of these.
    """
    named = os.environ.get(ADDRESS, "")
    if engine == LOCAL or (engine == AUTO and not named):
        return None
    if engine in (AUTO, RAY):
        if named in ("", _STARTED):
            return ""
        if named == FOUND or named_by_port(named):
            return named
        raise SettingError(f"{ADDRESS}={named}", "it is no address", "Give HOST:PORT, ray://HOST:PORT, or unset it.")
    if named_by_port(engine):
        return engine
    raise SettingError(
        f"--engine {engine}",
        "it is no engine",
        f"Use {LOCAL}, {RAY} (the cluster of {ADDRESS}, else one on this machine), ray://HOST:PORT or {AUTO}.",
    )


@contextmanager
def connected(address: str, *, cores: int | None = None) -> Iterator[Cluster]:
    """Join the cluster at an address, or start one on this machine; leave it, or end it, afterwards.

    A cluster that this process has joined already is used as it is.

    Parameters
    ----------
    address : str
        As `chosen` gives it.
    cores : int, optional
        Of a cluster that is started here; those of the machine unless given.

    Raises
    ------
    SettingError
        If Ray is not installed.
    ComputeError
        If nothing answers at the address, it does not let this program in, or it answers no longer.
    """
    ray = _ray()
    if ray.is_initialized():  # by whoever asks, who leaves it too
        with _in_use(ray, address) as cluster:
            yield cluster
        return
    with own_mode():
        _join(ray, address, cores)
        try:
            with _in_use(ray, address) as cluster:
                yield cluster
        finally:
            ray.shutdown()


@contextmanager
def _in_use(ray: ModuleType, address: str) -> Iterator[Cluster]:
    """A cluster that was joined; raises `ComputeError` where it answers no longer."""
    try:
        alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cpus = tuple(int(node.get("CPU", 0)) for node in alive)
        yield Cluster(ray, address, cpus, tuple(int(node.get("GPU", 0)) for node in alive))
    except ConnectionError as error:
        instead = "See that it is there, and give the same command again: what was finished is kept."
        raise lost(error, "go on with the cluster", instead) from error


def lost(error: ConnectionError, what: str, instead: str) -> ComputeError:
    """A cluster that answers no longer, in words; raises the error where it is the system's, about something else."""
    if error.errno is not None:
        raise error
    return ComputeError(what, " ".join(str(error).split())[:500], instead)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep what this program does when it is told to end: Ray would abort it, with a trace of its stack."""
    if threading.current_thread() is not threading.main_thread():  # no other may set it
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _join(ray: ModuleType, address: str, cores: int | None) -> None:
    try:
        if address:
            check(address)
        with _own_signals(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is amiss is said below
            _init(ray, _options(address, cores))
    except AskError:
        raise
    except Exception as error:  # of many kinds: a refused token, another version, a cluster that is ending
        if address.startswith(CLIENT):
            explain(address)
        raise ComputeError(
            f"join the cluster at {address}" if address else "start Ray on this machine",
            " ".join(str(error).split())[:500],
            "Give the address that ray start printed, its token (RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH) where it asks "
            "for one, and the same versions of Ray and Python there and here.",
        ) from error


def _init(ray: ModuleType, options: dict[str, Any]) -> None:
    """``ray.init``; again where a client server could not start the process that was to serve this program."""
    for left in reversed(range(_TRIES)):
        try:
            ray.init(**options)
            return
        except Exception as error:
            if not left or not any(said in str(error) for said in _NOT_STARTED):
                raise


def _ray() -> ModuleType:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would send figures about this machine
    try:
        import ray
    except ImportError as error:
        raise SettingError(
            "compute on a Ray cluster",
            "Ray is not installed",
            "In the checkout: pip install '.[ray]'. Or --engine local.",
        ) from error
    found: ModuleType = ray
    return found


def _options(address: str, cores: int | None) -> dict[str, Any]:
    """The arguments of ``ray.init``."""
    options: dict[str, Any] = {
        "runtime_env": {"env_vars": _variables()},
        "log_to_driver": False,
        "logging_level": logging.ERROR,
    }
    if address:
        return {"address": address, **options}
    # Ray would give its workers the lowest priority but four, and whatever else runs would stop them.
    os.environ.setdefault("RAY_worker_niceness", "0")
    here = {"num_cpus": cores, "object_store_memory": _OBJECTS, "include_dashboard": False}
    # A variable that is empty means none; Ray would take it for an address.
    with suppress(KeyError):
        del os.environ[ADDRESS]
    return {"address": _STARTED, "_node_ip_address": "127.0.0.1", **here, **options}


def _variables() -> dict[str, str]:
    """What the workers' processes must know: where the project is, its own settings, and how threads wait."""
    own = {name: value for name, value in os.environ.items() if name.startswith(("LANGUAGE_NEURONS_", "HF_"))}
    return {**own, "PYTHONPATH": subprocesses.environment()["PYTHONPATH"], "OMP_WAIT_POLICY": "PASSIVE"}
