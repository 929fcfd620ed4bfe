"""What only a machine with a GPU can check: ``python -m benchmarks gpu``.

The machines that this project was written on have none. So whatever touches one is checked here, against the processor
of the same machine, in some minutes: that neurons are read and written alike, that a narrower precision finds the same,
that what was computed there opens where there is no GPU, and that what is too large is refused. Each check says what it
measured, so that a failure can be judged.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from core import subprocesses
from core.errors import AskError
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.pipeline.run import Run
from core.store.opening import open_store

ASKED = Experiment(
    target="ja",
    experts=500,
    languages=("es", "ja", "zh"),
    probe_languages=("en", "es", "ja"),
    probe_sentences=60,
    eval_sentences=60,
    dtype="float32",
)
_FLOAT32 = 1e-3  # of the largest value: sums of float32 in another order, layer after layer
_RANKED_ALIKE = 0.98  # of the experts: neurons of nearly equal score may change places
_BFLOAT16 = 0.99  # mean cosine of the same sentence's embeddings


@dataclass
class Bench:
    """The same setting on the device and on the processor, each computed once.

    Attributes
    ----------
    device : str
        What is checked against the processor.
    folder : Path
        For caches, and what the machines share.
    ranks : int
        Processes over which the model is spread.
    """

    device: str
    folder: Path
    asked: Experiment = ASKED
    ranks: int = 1
    _engines: dict[str, Engine] = field(default_factory=dict)

    @property
    def shared(self) -> str:
        """Address of what the device has computed, for a machine without it."""
        return f"file://{self.folder / 'shared'}"

    def engine(self, device: str) -> Engine:
        """The engine of a device."""
        if device not in self._engines:
            shared = self.shared if device == self.device else ""
            store = open_store(self.folder / f"{device}-cache", shared=shared)
            self._engines[device] = Engine(store, ranks=self.ranks)
        return self._engines[device]

    def experiment(self, device: str, dtype: str = "float32") -> Experiment:
        """The setting on a device."""
        return replace(self.asked, device=device, dtype=dtype)

    def result(self, device: str, dtype: str = "float32") -> Result:
        """Its result."""
        return self.engine(device).run(self.experiment(device, dtype))

    def spaces(self, device: str, dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
        """Embeddings before and after, each float32 (n_languages, n_sentences, hidden), at the last layer."""

        def read(run: Run) -> tuple[np.ndarray, np.ndarray]:
            _, intervention = run.spaces()
            before, after = (run.stages.embeddings(0, by, run.plan.layer) for by in (None, intervention))
            return before, after

        return self.engine(device).answer(self.experiment(device, dtype), read)


@dataclass(frozen=True)
class Check:
    """One thing that is checked: its name, what must hold, and what finds out whether it does, and by how much."""

    name: str
    what: str
    measure: Callable[[Bench], tuple[bool, str]]


def _read_alike(bench: Bench) -> tuple[bool, str]:
    here, there = (bench.result(device).experts for device in ("cpu", bench.device))
    shared = len(np.intersect1d(here.neurons, there.neurons)) / len(here.neurons)
    return shared >= _RANKED_ALIKE, f"{shared:.1%} of {len(here.neurons):,} experts are the same"


def _written_alike(bench: Bench) -> tuple[bool, str]:
    pairs = zip(bench.spaces("cpu"), bench.spaces(bench.device), strict=True)
    far = [float(np.abs(here - there).max() / np.abs(here).max()) for here, there in pairs]
    return max(far) <= _FLOAT32, f"embeddings differ by {far[0]:.1e} before and {far[1]:.1e} after, of the largest"


def _retrieved_alike(bench: Bench) -> tuple[bool, str]:
    here, there = (bench.result(device).target_top1 for device in ("cpu", bench.device))
    n = len(bench.result("cpu").plan.groups[0])
    far = max(abs(here.pre - there.pre), abs(here.post - there.post)) * n
    return far <= 1.0, f"top-1 differs by {far:.2f} of {n} sentences"


def _narrower(bench: Bench) -> tuple[bool, str]:
    wide, narrow = (bench.spaces(bench.device, dtype)[0] for dtype in ("float32", "bfloat16"))
    cosine = (wide * narrow).sum(-1) / (np.linalg.norm(wide, axis=-1) * np.linalg.norm(narrow, axis=-1))
    return float(cosine.mean()) >= _BFLOAT16, f"mean cosine of bfloat16 with float32 {cosine.mean():.5f}"


def _same_twice(bench: Bench) -> tuple[bool, str]:
    first = bench.spaces(bench.device)
    again = replace(bench, folder=bench.folder / "again", _engines={}).spaces(bench.device)
    same = all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    return same, "the same bits in two fresh caches" if same else "two runs differ in their bits"


def _opens_without(bench: Bench) -> tuple[bool, str]:
    """Open the device's result in a process that sees no GPU."""
    bench.result(bench.device)
    saved, out = bench.folder / "asked.json", bench.folder / "opened.json"
    saved.write_text(json.dumps({"experiment": bench.experiment(bench.device).to_dict()}), encoding="utf-8")
    options = [
        "run",
        "--experiment",
        saved,
        "--shared",
        bench.shared,
        "--cache",
        bench.folder / "laptop",
        "--json",
        out,
    ]
    done = subprocess.run(
        subprocesses.command("core", *map(str, options)),
        env={**subprocesses.environment(), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return False, " ".join(done.stderr.split())[-200:]
    opened = json.loads(out.read_text(encoding="utf-8"))
    same = opened["retrieval"] == bench.result(bench.device).to_json()["retrieval"]
    return same and opened["computed"] == [], f"computed there: {', '.join(opened['computed']) or 'nothing'}"


def _sharded(bench: Bench) -> tuple[bool, str]:
    here, there = (bench.spaces(device)[1] for device in (bench.device, "sharded"))
    far = float(np.abs(here - there).max() / np.abs(here).max())
    return far <= _FLOAT32, f"embeddings after differ by {far:.1e} of the largest"


def _spread(bench: Bench) -> tuple[bool, str]:
    two = Bench(bench.device, bench.folder / "spread", bench.asked, ranks=2)
    pairs = zip(bench.spaces(bench.device), two.spaces(bench.device), strict=True)
    far = [float(np.abs(here - there).max() / np.abs(here).max()) for here, there in pairs]
    two.engine(bench.device).models.clear()
    return max(far) <= _FLOAT32, f"embeddings differ by {far[0]:.1e} before and {far[1]:.1e} after, of the largest"


CHECKS = (
    Check("read", "the same neurons are experts", _read_alike),
    Check("written", "embeddings before and after are the processor's, in float32", _written_alike),
    Check("retrieved", "top-1 is the processor's, to a sentence", _retrieved_alike),
    Check("narrower", "bfloat16 embeds as float32 does", _narrower),
    Check("same-twice", "two runs give the same bits", _same_twice),
    Check("opens-without", "a process that sees no GPU opens the result without a pass", _opens_without),
    Check("sharded", "--device sharded computes the same", _sharded),
)
SPREAD = Check("spread", "a model over two processes, each with half of every weight, computes the same", _spread)
"""Needs two GPUs."""

NOT_CHECKED = "Not checked: a model over several GPUs, a process each (--gpus-per-model), since this machine has one."


def check(bench: Bench, checks: tuple[Check, ...] = CHECKS) -> int:
    """Make the checks and say what each found; 0 if all hold."""
    failed = 0
    for each in checks:
        start = time.perf_counter()
        try:
            holds, found = each.measure(bench)
        except AskError as error:
            holds, found = False, str(error)
        failed += not holds
        verdict = "holds" if holds else "FAILS"
        print(f"{each.name:14} {verdict}  {each.what}: {found} ({time.perf_counter() - start:.0f} s)", flush=True)
    return int(failed > 0)


def run() -> int:
    """Make all checks on this machine's GPU; 0 if all hold, or if there is none."""
    if not torch.cuda.is_available():
        print("This machine has no CUDA device: there is nothing to check here.")
        return 0
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as folder:
        several = torch.cuda.device_count() > 1
        status = check(Bench("cuda", Path(folder)), (*CHECKS, SPREAD) if several else CHECKS)
    if not several:
        print(NOT_CHECKED)
    return status
