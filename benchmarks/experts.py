"""Expert finding against the two usual ways to compute an AUROC."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from benchmarks.rows import Benchmark, Target, check, in_turns
from benchmarks.setting import Setting
from core.neurons import rank_statistics

NEURONS, LANGUAGES, A_LANGUAGE = 85_248, 6, 300
WHAT = f"AUROC of {NEURONS:,} neurons x {LANGUAGES * A_LANGUAGE:,} sentences for {LANGUAGES} languages"
# Enough neurons to scale a sample's time to the whole, few enough that the slow side ends.
SKLEARN_NEURONS, SCIPY_NEURONS, SCIPY_ROWS = 200, 8192, 512
TOLERANCE = 1e-12


def bfloat16_like(values: np.ndarray) -> np.ndarray:
    """Round float32 to the eight significant bits of bfloat16, so that responses tie; returns float16."""
    bits = values.view(np.uint32)
    return ((bits + np.uint32(0x8000)) & np.uint32(0xFFFF0000)).view(np.float32).astype(np.float16)


def synthetic(neurons: int, labels: np.ndarray, seed: int) -> np.ndarray:
    """Responses ``(neurons, n_sentences)`` as a model gives them: shifted by language, some ties; float16."""
    rng = np.random.default_rng(seed)
    out = np.empty((neurons, len(labels)), np.float16)
    for start in range(0, neurons, 1024):
        rows = min(1024, neurons - start)
        values = rng.standard_normal((rows, len(labels)), dtype=np.float32)
        values += rng.standard_normal((rows, labels.max() + 1), dtype=np.float32)[:, labels] * np.float32(0.5)
        out[start : start + rows] = bfloat16_like(values)
    return out


@lru_cache(maxsize=1)
def _responses() -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(np.arange(LANGUAGES), A_LANGUAGE)
    return synthetic(NEURONS, labels, seed=0), labels


def _sample(size: int) -> np.ndarray:
    """Neurons from all over the model, in order."""
    return np.sort(np.random.default_rng(1).choice(NEURONS, size, replace=False))


def _sklearn(_: Setting) -> tuple[float, str]:
    responses, labels = _responses()
    sample = responses[_sample(SKLEARN_NEURONS)].astype(np.float64)

    def loop() -> np.ndarray:
        return np.array([[roc_auc_score(labels == c, row) for row in sample] for c in range(LANGUAGES)])

    return _compared("sklearn", loop, SKLEARN_NEURONS, "one roc_auc_score a neuron and language")


def _scipy(_: Setting) -> tuple[float, str]:
    responses, labels = _responses()
    sample = responses[_sample(SCIPY_NEURONS)]
    one_hot = np.eye(LANGUAGES)[labels]
    positive = one_hot.sum(0)

    def vectorised(dtype: type) -> np.ndarray:
        sums = [
            rankdata(sample[start : start + SCIPY_ROWS].astype(dtype), axis=1) @ one_hot
            for start in range(0, SCIPY_NEURONS, SCIPY_ROWS)
        ]
        area = np.concatenate(sums) - positive * (positive + 1) / 2
        return np.asarray((area / (positive * (len(labels) - positive))).T)

    def seconds(dtype: type) -> float:
        start = time.perf_counter()
        vectorised(dtype)
        return time.perf_counter() - start

    best = min((np.float16, np.float32, np.float64), key=seconds)
    note = f"rankdata(axis=1) once for all languages, {SCIPY_ROWS} rows at a time, in {best.__name__}, its fastest"
    return _compared("scipy", lambda: vectorised(best), SCIPY_NEURONS, note)


def _compared(name: str, compute: Callable[[], np.ndarray], size: int, note: str) -> tuple[float, str]:
    """Compare our time for all neurons with a peer's time for a sample, scaled up."""
    responses, labels = _responses()
    times, results = in_turns({"ours": lambda: rank_statistics.auroc(responses, labels, LANGUAGES), name: compute}, 5)
    worst = float(np.abs(results["ours"][:, _sample(size)] - results[name]).max())
    check(worst <= TOLERANCE, f"the areas differ by up to {worst:.1e}")
    scale = NEURONS / size
    return times.ratio(name, "ours") * scale, (
        f"ours {times.median('ours'):.2f} s for all; {name} {times.median(name):.2f} s for {size:,} neurons, that is "
        f"{times.median(name) * scale:,.0f} s for all ({note}; on one core); largest difference {worst:.0e}"
    )


BENCHMARKS = (
    Benchmark("expertise-sklearn", WHAT, "a loop of scikit-learn's roc_auc_score", Target("at least", 300), _sklearn),
    Benchmark("expertise-scipy", WHAT, "scipy.stats.rankdata, vectorised", Target("at least", 5), _scipy),
)
