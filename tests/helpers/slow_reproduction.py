"""Slow references for everything that the reproduction measures: plain loops, one sentence at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from scipy import stats
from sklearn.metrics import roc_auc_score

from tests.helpers.tiny import FAMILIES, N_LAYERS, Plain, sentences


@dataclass
class SlowReproduction:
    """One target's experiment."""

    plain: Plain
    languages: Sequence[str]
    probe_languages: Sequence[str]
    target: str
    n_probe: int
    n_eval: int
    k: int

    def paths(self) -> tuple[str, ...]:
        return FAMILIES["llama"].paths

    def responses(self) -> dict[str, np.ndarray]:
        """By language, (n_neurons, n_probe)."""
        return {
            code: np.concatenate(
                list(self.plain.responses(sentences(code, self.n_probe), self.paths(), "mean").values())
            )
            for code in self.probe_languages
        }

    def scores(self) -> np.ndarray:
        """AUROC of every neuron."""
        by_language = self.responses()
        labels = np.concatenate([np.full(self.n_probe, code == self.target) for code in by_language])
        all_responses = np.concatenate(list(by_language.values()), axis=1)
        return np.array([roc_auc_score(labels, row) for row in all_responses.astype(np.float32)])

    def experts(self) -> np.ndarray:
        scores = self.scores()
        return np.array(sorted(range(len(scores)), key=lambda neuron: (-scores[neuron], neuron))[: self.k])

    def spaces(self, texts: Sequence[Sequence[str]], layer: int = N_LAYERS) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings before and after, each (n_languages, n_sentences, hidden)."""
        values = self.responses()[self.target].mean(axis=1)
        experts, start, changes = set(self.experts().tolist()), 0, {}
        for path, width in zip(
            self.paths(), [w for _ in range(N_LAYERS) for _, w in FAMILIES["llama"].sites], strict=True
        ):
            units = [unit for unit in range(width) if start + unit in experts]
            if units:
                changes[path] = partial(_hold, units, values[[start + unit for unit in units]])
            start += width
        pre = np.stack([self.plain.embeddings(t, "layers")[layer] for t in texts])
        with self.plain.holding(changes):
            post = np.stack([self.plain.embeddings(t, "layers")[layer] for t in texts])
        return pre, post

    def evaluation(self) -> list[tuple[str, ...]]:
        return [sentences(code, self.n_eval, self.n_probe) for code in self.languages]


def _hold(units: list[int], values: np.ndarray, output: torch.Tensor) -> torch.Tensor:
    changed = output.clone()
    changed[..., units] = torch.from_numpy(values).to(output.dtype)
    return changed


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.sqrt(a @ a) / np.sqrt(b @ b))


def similarity(queries: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    return np.array([[cosine(q, c) for c in candidates] for q in queries])


def adjusted_similarity(queries: np.ndarray, candidates: np.ndarray, k: int = 10) -> np.ndarray:
    """CSLS."""
    plain = similarity(queries, candidates)
    k = min(k, len(plain))
    of_query = [np.mean(sorted(row)[-k:]) for row in plain]
    of_candidate = [np.mean(sorted(column)[-k:]) for column in plain.T]
    n = len(plain)
    return np.array([[2 * plain[i, j] - of_query[i] - of_candidate[j] for j in range(n)] for i in range(n)])


def hits(queries: np.ndarray, candidates: np.ndarray, metric: str) -> list[bool]:
    if metric == "centred":
        queries, candidates = queries - queries.mean(axis=0), candidates - candidates.mean(axis=0)
    table = (adjusted_similarity if metric == "csls" else similarity)(queries, candidates)
    return [int(np.argmax(row)) == number for number, row in enumerate(table)]


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over sentences of the distance of translations."""
    return float(np.mean([1 - cosine(x, y) for x, y in zip(a, b, strict=True)]))


def to_medoid(space: np.ndarray) -> list[float]:
    flat = [sentence for language in space for sentence in language]
    sums = [sum(1 - cosine(a, b) for b in flat) for a in flat]
    middle = flat[int(np.argmin(sums))]
    return [1 - cosine(language.mean(axis=0), middle) for language in space]


def wilson(hits: int, n: int) -> tuple[float, float]:
    interval = stats.binomtest(hits, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def mcnemar(pre: Sequence[bool], post: Sequence[bool]) -> float:
    fixed = sum(b and not a for a, b in zip(pre, post, strict=True))
    broken = sum(a and not b for a, b in zip(pre, post, strict=True))
    return 1.0 if fixed + broken == 0 else float(stats.binomtest(min(fixed, broken), fixed + broken).pvalue)


def signed_ranks(differences: Sequence[float]) -> float:
    """Wilcoxon's exact test, by counting every assignment of signs."""
    order = sorted(differences, key=abs)
    signed = [rank if value > 0 else 0 for rank, value in enumerate(order, start=1)]
    n, total = len(order), sum(signed)
    sums = np.array([sum(rank + 1 for rank in range(n) if mask >> rank & 1) for mask in range(1 << n)])
    return float(min(1.0, 2 * min((sums <= total).mean(), (sums >= total).mean())))


def holm(p: Sequence[float]) -> list[float]:
    order = sorted(range(len(p)), key=lambda index: p[index])
    adjusted, largest = [0.0] * len(p), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, p[index] * (len(p) - place)))
        adjusted[index] = largest
    return adjusted


def centred(space: np.ndarray) -> np.ndarray:
    """Each language less its mean."""
    return np.stack([language - language.mean(axis=0) for language in space])
