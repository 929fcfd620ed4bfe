"""How memory and time of expert finding grow: up to a million neurons, up to 6,000 sentences.

Each size is measured in a process of its own. Responses are synthetic and made site by site, as they would be read from
the store; the loop is that of the product's expertise stage, and time is that of scoring, not of making them.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks import machine
from benchmarks.experts import bfloat16_like
from core.neurons import rank_statistics

LANGUAGES = 6
NEURONS, SENTENCES = (125_000, 250_000, 500_000, 1_000_000), (750, 1500, 3000, 6000)
FIXED_NEURONS = 64_000
# The maps of an 8B model's block: gate and up, then down.
WIDTHS = (14_336, 14_336, 4_096)
MOST_BYTES, FLAT, LINEAR = 4e9, 1.25, 1.15


@dataclass(frozen=True)
class Measured:
    """One size.

    Attributes
    ----------
    peak : int
        Bytes of memory beyond what the process held when it began.
    seconds : float
        Of scoring.
    """

    neurons: int
    sentences: int
    peak: int
    seconds: float


def run(folder: Path) -> int:
    """Measure all sizes, write a table and plots into ``folder``; 0 if all that is claimed holds."""
    facts = machine.facts("python -m benchmarks scaling")
    by_neurons = [_in_a_process(neurons, SENTENCES[-1]) for neurons in NEURONS]
    by_sentences = [_in_a_process(FIXED_NEURONS, sentences) for sentences in SENTENCES]
    verdicts = list(_verdicts(by_neurons, by_sentences))
    plots = _plots(folder, by_neurons, by_sentences)
    (folder / "SCALING.md").write_text(_report(facts, by_neurons, by_sentences, verdicts, plots), encoding="utf-8")
    for text, holds in verdicts:
        print(f"{'holds' if holds else 'DOES NOT HOLD'}: {text}")
    return int(not all(holds for _, holds in verdicts))


def score_all(neurons: int, sentences: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Score ``neurons`` on ``sentences`` site by site; returns scores, means and the seconds that scoring took."""
    labels = np.repeat(np.arange(LANGUAGES), sentences // LANGUAGES)
    scores, means, seconds = [], [], 0.0
    for parts in _sites(neurons, sentences // LANGUAGES):
        start = time.perf_counter()
        responses = np.concatenate(parts, axis=1)
        scores.append(rank_statistics.auroc(responses, labels, LANGUAGES))
        means.append(rank_statistics.means(responses, labels, LANGUAGES))
        seconds += time.perf_counter() - start
        del parts, responses  # or they would stay in memory while the next are made
    start = time.perf_counter()
    together = np.concatenate(scores, axis=1), np.concatenate(means, axis=1)
    return *together, seconds + time.perf_counter() - start


def _sites(neurons: int, a_language: int) -> Iterator[list[np.ndarray]]:
    """Responses of one site after another: an array a language, ``(width, a_language)`` float16, as they are stored."""
    rng = np.random.default_rng(0)
    remaining = neurons
    for width in cycle(WIDTHS):
        if remaining <= 0:
            return
        rows = min(width, remaining)
        remaining -= rows
        yield [_part(rng, rows, a_language) for _ in range(LANGUAGES)]


def _part(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    out = np.empty((rows, columns), np.float16)
    for start in range(0, rows, 512):
        block = out[start : start + 512]
        offset = rng.standard_normal((len(block), 1), dtype=np.float32) * np.float32(0.5)
        block[:] = bfloat16_like(rng.standard_normal(block.shape, dtype=np.float32) + offset)
    return out


class _Peak:
    """The most memory that the process holds while this is open, beyond what it held at first."""

    def __enter__(self) -> _Peak:
        self._process = psutil.Process(os.getpid())
        self._first: int = self._process.memory_info().rss
        self.most: int = self._first
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()
        self.most = max(self.most, _high_water())

    @property
    def beyond(self) -> int:
        """Bytes."""
        return self.most - self._first

    def _look(self) -> None:
        while not self._over.wait(0.01):
            self.most = max(self.most, self._process.memory_info().rss)


def _high_water() -> int:
    """The process's own highest memory, where the system keeps it; else 0."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    except (OSError, StopIteration):
        return 0


def _in_a_process(neurons: int, sentences: int) -> Measured:
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.scaling", str(neurons), str(sentences)],
        cwd=Path(__file__).resolve().parent.parent,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    measured = Measured(**json.loads(process.stdout))
    print(_table_row(measured), flush=True)
    return measured


def _measure(neurons: int, sentences: int) -> Measured:
    score_all(64, 6 * LANGUAGES)  # compile
    with _Peak() as peak:
        scores, _, seconds = score_all(neurons, sentences)
    assert scores.shape == (LANGUAGES, neurons)
    return Measured(neurons, sentences, peak.beyond, seconds)


def _exponent(xs: list[float], ys: list[float]) -> float:
    """The slope of a line through the logarithms."""
    return float(np.polyfit(np.log(xs), np.log(ys), 1)[0])


def _verdicts(by_neurons: list[Measured], by_sentences: list[Measured]) -> Iterator[tuple[str, bool]]:
    last, first = by_neurons[-1], by_neurons[0]
    yield (
        f"peak memory of {last.neurons:,} neurons x {last.sentences:,} sentences: {last.peak / 1e9:.2f} GB "
        f"(under {MOST_BYTES / 1e9:g})",
        last.peak < MOST_BYTES,
    )
    yield (
        f"peak memory, {first.neurons:,} to {last.neurons:,} neurons, the scores kept included: "
        f"{first.peak / 1e9:.2f} to {last.peak / 1e9:.2f} GB (at most {FLAT:g} times)",
        last.peak <= FLAT * first.peak,
    )
    exponent = _exponent([m.neurons for m in by_neurons], [m.seconds for m in by_neurons])
    yield f"time grows as neurons to the power of {exponent:.2f} (at most {LINEAR:g})", exponent <= LINEAR
    n_log_n = [m.sentences * math.log(m.sentences) for m in by_sentences]
    exponent = _exponent(n_log_n, [m.seconds for m in by_sentences])
    yield (
        f"time grows as (n log n) of sentences to the power of {exponent:.2f} (at most {LINEAR:g})",
        exponent <= LINEAR,
    )


def _table_row(m: Measured) -> str:
    rate = m.neurons * m.sentences / m.seconds / 1e6
    return f"| {m.neurons:,} | {m.sentences:,} | {m.peak / 1e9:.2f} | {m.seconds:.1f} | {rate:.0f} |"


def _report(
    facts: dict[str, str],
    by_neurons: list[Measured],
    by_sentences: list[Measured],
    verdicts: list[tuple[str, bool]],
    plots: list[str],
) -> str:
    lines = [
        "# How expert finding grows",
        "",
        f"Synthetic responses, made site by site; AUROC and means kept for {LANGUAGES} languages. Memory is the most "
        "that the process held beyond what it held before; time is that of scoring.",
        "",
        machine.as_markdown(facts),
        "",
        "| neurons | sentences | peak GB | seconds | million responses a second |",
        "|---|---|---|---|---|",
        *map(_table_row, by_neurons + by_sentences),
        "",
        *(f"- {'Holds' if holds else '**Does not hold**'}: {text}" for text, holds in verdicts),
        "",
        *(f"![{name}]({name})" for name in plots),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _plots(folder: Path, by_neurons: list[Measured], by_sentences: list[Measured]) -> list[str]:
    """Draw the measurements; returns the files' names, none where neither vl-convert nor matplotlib is installed."""
    pictures = {
        "scaling-neurons.svg": (by_neurons, "neurons", ("seconds", "peak GB")),
        "scaling-sentences.svg": (by_sentences, "sentences", ("seconds", "peak GB")),
    }
    draw = _drawer()
    if draw is None:
        return []
    for name, (measured, x, measures) in pictures.items():
        rows = [{**asdict(m), "peak GB": m.peak / 1e9} for m in measured]
        draw(folder / name, rows, x, measures)
    return list(pictures)


def _drawer() -> Any:
    try:
        import vl_convert  # noqa: F401 - altair writes pictures through it
    except ImportError:
        pass
    else:
        return _with_altair
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return None
    return _with_matplotlib


def _with_altair(file: Path, rows: list[dict[str, Any]], x: str, measures: tuple[str, ...]) -> None:
    import altair as alt
    import pandas as pd

    base = alt.Chart(pd.DataFrame(rows)).properties(width=320, height=240)
    x_axis = alt.X(f"{x}:Q", title=x)
    charts = [base.mark_line(point=True).encode(x=x_axis, y=alt.Y(f"{m}:Q", title=m)) for m in measures]
    alt.hconcat(*charts).save(str(file))


def _with_matplotlib(file: Path, rows: list[dict[str, Any]], x: str, measures: tuple[str, ...]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    for number, measure in enumerate(measures):
        axes = figure.add_subplot(1, len(measures), number + 1)
        axes.plot([row[x] for row in rows], [row[measure] for row in rows], marker="o")
        axes.set(xlabel=x, ylabel=measure, ylim=(0, None), xlim=(0, None))
    figure.savefig(file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("neurons", type=int)
    parser.add_argument("sentences", type=int)
    arguments = parser.parse_args()
    print(json.dumps(asdict(_measure(arguments.neurons, arguments.sentences))))
