"""Measures one target's two spaces, as rows of the reproduction's tables.

Everything is derived from stored embeddings and stored itself, so that a report can be rewritten in moments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from core.neurons.interventions import Intervention
from core.pipeline.run import Run
from core.pipeline.specs import in_order
from core.reproduction.published import DISTANCE_NAMES
from core.spaces import distances, retrieval
from core.spaces.similarity import COMPARISONS, COSINE, normalise
from core.stats import paired
from core.stats.intervals import bootstrap, wilson
from core.stats.significance import LEVEL, holm, mcnemar, signed_ranks
from core.store.artefact import Payload
from core.store.stage import STAGES

VIEWS = ("target as query", "target as candidate", "without target", "all pairs")
_NO_CHANGE = {"change": np.nan, "change_low": np.nan, "change_high": np.nan, "p": np.nan}
Way = tuple[str, int]
"""How sentences are compared: a name in `core.spaces.similarity.COMPARISONS`, and the hidden state at which."""


def hits_of(run: Run, intervention: Intervention | None, way: Way) -> np.ndarray:
    """`core.spaces.retrieval.correct` of one space of the run's only group, from the store."""
    metric, layer = way
    spec = STAGES["reproduced-hits"].spec(
        space=run.stages.space_spec(intervention), metric=metric, layer=layer, **in_order(run.plan.groups)
    )

    def compute() -> Payload:
        space = run.stages.embeddings(0, intervention, layer)
        return Payload(arrays={"hits": retrieval.correct(space, COMPARISONS[metric])})

    return run.stages.get("reproduced-hits", spec, compute, lambda artefact: artefact.array("hits"))


def best_layer(run: Run) -> int:
    """The layer at which the unmodified model retrieves best, with the target as the query."""
    profile = run.measures.profile(None)
    return int(profile["layer"].iloc[int(profile["top1"].to_numpy().argmax())])


def ways(run: Run) -> tuple[Way, ...]:
    """List every way of comparing at the plan's layer, and cosine at the layer where the unmodified model is best."""
    at_plan_layer = tuple((name, run.plan.layer) for name in COMPARISONS)
    best = best_layer(run)
    return at_plan_layer if best == run.plan.layer else (*at_plan_layer, (COSINE.name, best))


def retrieval_tables(run: Run) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure retrieval in both spaces, by every way of comparing.

    Returns
    -------
    rows : DataFrame
        ``space, metric, layer, query, candidate, n, top1, low, high, p``: Wilson intervals, and in the rows after
        McNemar's p of the change, adjusted by Holm among the pairs with the target as the query, and among the others.
    gains : DataFrame
        ``metric, layer, view, n, pre, pre_low, ..., gain_high, median, most, most_in, up, down``, a row a way and view:
        means over languages with bootstrap intervals over sentences, the median and the largest gain of a pair of
        languages, and how many pairs significantly (adjusted p below .05) rose and fell.
    """
    _, intervention = run.spaces()
    chosen = ways(run)
    spec = STAGES["reproduced-retrieval"].spec(
        pre=run.stages.space_spec(None),
        post=run.stages.space_spec(intervention),
        target=run.plan.target,
        ways=[list(way) for way in chosen],
        **({"seed": run.plan.experiment.seed} if run.plan.experiment.seed else {}),  # of the intervals
    )

    def compute() -> Payload:
        rows, gains = [], []
        for way in chosen:
            pre, post = (hits_of(run, changed_by, way) for changed_by in (None, intervention))
            p = adjusted_p(pre, post, _target(run))
            rows += [_rows("pre", pre, np.full_like(p, np.nan), way, run), _rows("post", post, p, way, run)]
            gains.append(_gains(pre, post, p, way, run))
        return Payload(tables={"rows": pd.concat(rows, ignore_index=True), "gains": pd.concat(gains)})

    return run.stages.get("reproduced-retrieval", spec, compute, lambda a: (a.table("rows"), a.table("gains")))


def leads(run: Run) -> pd.DataFrame:
    """Hold the intervention beside what is free, with the target as the query, sentence by sentence.

    Returns
    -------
    DataFrame
        ``metric, layer, view, lead, lead_low, lead_high, lead_p``, a row a way of the unmodified model but the plain
        one: by how much mean top-1 after the intervention, by the plain way, is above it. Paired bootstrap intervals
        over sentences, and Wilcoxon's signed ranks, adjusted by Holm over these ways.
    """
    _, intervention = run.spaces()
    plain, *others = ways(run)
    target = _target(run)

    def found(changed_by: Intervention | None, way: Way) -> np.ndarray:
        """In how many candidate languages each sentence finds its translation."""
        return np.asarray(np.delete(hits_of(run, changed_by, way)[target], target, axis=0).mean(axis=0))

    after = found(intervention, plain)
    compared = [paired.difference([(1.0, after)], [(1.0, found(None, way))]) for way in others]
    corrected = holm(np.array([p for _, p in compared]))
    return pd.DataFrame(
        [
            {"metric": way[0], "layer": way[1], "view": VIEWS[0], "lead": lead.value}
            | {"lead_low": lead.low, "lead_high": lead.high, "lead_p": float(p)}
            for way, (lead, _), p in zip(others, compared, corrected, strict=True)
        ]
    )


def adjusted_p(pre: np.ndarray, post: np.ndarray, target: int) -> np.ndarray:
    """Compute McNemar's p of every pair of languages, adjusted by Holm in two families: target as query, and the rest.

    Parameters
    ----------
    pre, post : ndarray of bool, (n_languages, n_languages, n_sentences)

    Returns
    -------
    ndarray of float64, (n_languages, n_languages)
        NaN on the diagonal.
    """
    n = len(pre)
    p = np.full((n, n), np.nan)
    fixed, broken = (~pre & post).sum(axis=2), (pre & ~post).sum(axis=2)
    off_diagonal = ~np.eye(n, dtype=bool)
    for query, candidate in zip(*np.nonzero(off_diagonal), strict=True):
        p[query, candidate] = _p(int(fixed[query, candidate]), int(broken[query, candidate]))
    from_target = np.zeros((n, n), dtype=bool)
    from_target[target] = True
    for family in (off_diagonal & from_target, off_diagonal & ~from_target):
        if family.any():
            p[family] = holm(p[family])
    return p


@lru_cache(maxsize=100_000)
def _p(fixed: int, broken: int) -> float:
    """McNemar's p, which depends only on these two counts."""
    post = np.arange(fixed + broken) < fixed
    return mcnemar(~post, post)


def _rows(space: str, hits: np.ndarray, p: np.ndarray, way: Way, run: Run) -> pd.DataFrame:
    """One way's rows of retrieval in one space, with Wilson's intervals."""
    languages, n = run.plan.groups[0].languages, hits.shape[2]
    rows: list[Mapping[str, Any]] = [
        {
            "space": space,
            "metric": way[0],
            "layer": way[1],
            "query": query,
            "candidate": candidate,
            "n": n,
            "top1": float(hits[q, c].mean()),
            "p": p[q, c],
        }
        for q, query in enumerate(languages)
        for c, candidate in enumerate(languages)
        if q != c
    ]
    frame = pd.DataFrame(rows)
    low, high = wilson(frame["top1"].to_numpy(), frame["n"].to_numpy())
    frame.insert(7, "low", low)
    frame.insert(8, "high", high)
    return frame


def views(n_languages: int, target: int) -> dict[str, np.ndarray]:
    """Select each view's ordered pairs of languages: masks (n_languages, n_languages), by a name in `VIEWS`."""
    off_diagonal = ~np.eye(n_languages, dtype=bool)
    query, candidate = np.zeros_like(off_diagonal), np.zeros_like(off_diagonal)
    query[target], candidate[:, target] = off_diagonal[target], off_diagonal[:, target]
    return dict(zip(VIEWS, (query, candidate, off_diagonal & ~query & ~candidate, off_diagonal), strict=True))


def _gains(pre: np.ndarray, post: np.ndarray, p: np.ndarray, way: Way, run: Run) -> pd.DataFrame:
    """Gains by one way of comparing, a row for each view; with two languages there is no view without the target."""
    languages, seed = run.plan.groups[0].languages, run.plan.experiment.seed
    rows: list[dict[str, Any]] = []
    for view, pairs in views(len(pre), _target(run)).items():
        if not pairs.any():
            continue
        before, after = pre[pairs].mean(axis=0), post[pairs].mean(axis=0)  # of a sentence, over pairs
        change = post[pairs].mean(axis=1) - pre[pairs].mean(axis=1)  # of a pair, over sentences
        best = int(change.argmax())
        query, candidate = (int(axis[best]) for axis in np.nonzero(pairs))
        row: dict[str, Any] = {"metric": way[0], "layer": way[1], "view": view, "n": pre.shape[2]}
        for name, values in (("pre", before), ("post", after), ("gain", after - before)):
            mean = bootstrap(values, seed=seed)
            row |= {name: mean.value, f"{name}_low": mean.low, f"{name}_high": mean.high}
        row |= {
            "median": float(np.median(change)),
            "most": float(change[best]),
            "most_in": f"{languages[query]}-{languages[candidate]}",
            "up": int(((p[pairs] < LEVEL) & (change > 0)).sum()),
            "down": int(((p[pairs] < LEVEL) & (change < 0)).sum()),
            "pairs": int(pairs.sum()),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def sentence_distances(space: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute each sentence's mean cosine distance to its translations, over all pairs and over those with the target.

    Parameters
    ----------
    space : ndarray of float32, (n_languages, n_sentences, hidden)

    Returns
    -------
    all_pairs, to_target : ndarray of float64, (n_sentences,)
        Computed from the sum of a sentence's unit vectors: ``|sum u|^2`` contains the product of every pair twice, and
        of each vector with itself.
    """
    unit = normalise(space).astype(np.float64)
    n, total = len(unit), unit.sum(axis=0)
    squared_lengths = (unit**2).sum(axis=2)
    all_pairs = ((total**2).sum(axis=1) - squared_lengths.sum(axis=0)) / (n * (n - 1))
    to_target = ((unit[target] * total).sum(axis=1) - squared_lengths[target]) / (n - 1)
    return 1.0 - all_pairs, 1.0 - to_target


def distance_table(run: Run) -> pd.DataFrame:
    """Measure distances in both spaces: ``space, metric, layer, distance, value, low, high, n, change, ..., p``.

    All ways of comparing that are a distance are used; CSLS, which adjusts similarities of two languages, is not.
    Distances over pairs have bootstrap intervals over sentences. Their changes are bootstrapped with both sides drawn
    together, and tested by Wilcoxon's signed ranks, adjusted by Holm over this table. Distances to the medoid have
    neither, because the medoid changes with the sentences; for centred embeddings, whose means are zero, they are not
    measured.
    """
    _, intervention = run.spaces()
    rows: list[dict[str, Any]] = []
    for metric, layer in ways(run):
        by = COMPARISONS[metric]
        if not by.is_distance:
            continue
        spaces = [by.transformed(run.stages.embeddings(0, changed_by, layer)) for changed_by in (None, intervention)]
        rows += [{"metric": metric, "layer": layer, **row} for row in _distances(spaces, run, by.zero_means)]
    frame = pd.DataFrame(rows)
    tested = frame["p"].notna().to_numpy()
    frame.loc[tested, "p"] = holm(frame.loc[tested, "p"].to_numpy(dtype=np.float64))
    return frame


def _distances(spaces: Sequence[np.ndarray], run: Run, zero_means: bool) -> list[dict[str, Any]]:
    """Rows of one way of comparing; the change and its p (not yet adjusted) are in the rows of the space after."""
    target, seed, n = _target(run), run.plan.experiment.seed, spaces[0].shape[1]
    sentence_means = [sentence_distances(space, target) for space in spaces]
    rows = []
    for side, space in enumerate(("pre", "post")):
        for number, name in enumerate(DISTANCE_NAMES[:2]):
            mean = bootstrap(sentence_means[side][number], seed=seed)
            row = _distance(space, name, mean.value, mean.low, mean.high, n)
            if side:
                moved = sentence_means[1][number] - sentence_means[0][number]
                change = bootstrap(moved, seed=seed)
                row |= {"change": change.value, "change_low": change.low, "change_high": change.high}
                row["p"] = signed_ranks(moved)
            rows.append(row)
        if zero_means:
            continue
        medoid = distances.medoid_distances(list(spaces[side]))
        for name, value in zip(DISTANCE_NAMES[2:], (medoid[target], np.delete(medoid, target).mean()), strict=True):
            rows.append(_distance(space, name, float(value), np.nan, np.nan, n))
    return rows


def _distance(space: str, name: str, value: float, low: float, high: float, n: int) -> dict[str, Any]:
    return {"space": space, "distance": name, "value": value, "low": low, "high": high, "n": n} | _NO_CHANGE


def _target(run: Run) -> int:
    return run.plan.groups[0].languages.index(run.plan.target)
