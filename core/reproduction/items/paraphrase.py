"""Item: paraphrase retrieval within a language: before, after, and from the space before into the space after."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from core.corpora.corpus import ParallelSet
from core.neurons.interventions import Intervention
from core.pipeline.before_after import SPACE_TITLES
from core.pipeline.incremental import embed
from core.pipeline.run import Run
from core.reproduction.charts import paraphrase as charts
from core.reproduction.item import Item
from core.reproduction.measures import Way, ways
from core.reproduction.settings import CONTROLS
from core.reproduction.steps import Step
from core.reproduction.study import Study
from core.spaces.similarity import COMPARISONS, COSINE, Comparison, normalise
from core.stats.intervals import wilson
from core.stats.significance import holm, mcnemar
from core.store.artefact import Payload
from core.store.stage import STAGES

SPACES = ("pre", "post", "mixed")
Sides = tuple[np.ndarray, np.ndarray]
Pairs = tuple[tuple[str, ...], tuple[str, ...]]


def found_first(queries: np.ndarray, candidates: np.ndarray, by: Comparison = COSINE) -> np.ndarray:
    """Whether each query's own candidate is its nearest, the first of equals: (n, dim) twice to bool (n,).

    Parameters
    ----------
    by : Comparison
        Adjusts the cosines; queries and candidates must have been transformed already.
    """
    similarity = by.adjusted(normalise(queries) @ normalise(candidates).T)
    return np.asarray(similarity.argmax(axis=1) == np.arange(len(queries)))


def compared(pre: Sides, post: Sides, metric: str) -> dict[str, np.ndarray]:
    """Whether each first sentence finds its paraphrase: by comparison, bool (n_pairs,).

    Parameters
    ----------
    pre, post : (first, second), each ndarray of float32, (n_pairs, hidden)
        Embeddings of both sides in each space. A transformation is fitted on both sides of its space together.
    metric : str
        A name in `core.spaces.similarity.COMPARISONS`.
    """
    by = COMPARISONS[metric]
    pre, post = _transformed(pre, by), _transformed(post, by)
    sides = {"pre": pre, "post": post, "mixed": (pre[0], post[1])}
    return {name: found_first(*pair, by) for name, pair in sides.items()}


def _transformed(sides: Sides, by: Comparison) -> Sides:
    """Transform both sides of one space, as sentences of one language."""
    transform = by.fit(np.concatenate(sides)[None])
    first, second = (transform(side[None])[0] for side in sides)
    return first, second


def paraphrases(run: Run, pairs: Pairs) -> dict[Way, dict[str, np.ndarray]]:
    """Test whether each first sentence finds its paraphrase among all second ones, under the run's intervention.

    Parameters
    ----------
    pairs : (first, second)
        Sentences in the run's target language.

    Returns
    -------
    dict of way to dict of str to ndarray of bool, (n_pairs,)
        By every way of comparing (see `core.reproduction.measures.ways`). ``pre``: both unmodified; ``post``: both
        after; ``mixed``: query before, candidates after.
    """
    _, intervention = run.spaces()
    pairs_run = _on_pairs(run, pairs)
    for space, changed_by in (("pre", None), ("post", intervention)):
        _embed(run, pairs_run, changed_by, space)
    chosen = ways(run)
    spec = STAGES["paraphrases"].spec(
        pre=pairs_run.stages.space_spec(None),
        post=pairs_run.stages.space_spec(intervention),
        ways=[list(way) for way in chosen],
    )

    def sides(changed_by: Intervention | None, layer: int) -> Sides:
        first, second = (pairs_run.stages.embeddings(side, changed_by, layer)[0] for side in (0, 1))
        return first, second

    def compute() -> Payload:
        arrays: dict[str, np.ndarray] = {}
        for metric, layer in chosen:
            by_space = compared(sides(None, layer), sides(intervention, layer), metric)
            arrays |= {f"{metric}-{layer}-{name}": hits for name, hits in by_space.items()}
        return Payload(arrays=arrays)

    return run.stages.get(
        "paraphrases",
        spec,
        compute,
        lambda artefact: {
            (metric, layer): {name: artefact.array(f"{metric}-{layer}-{name}") for name in SPACES}
            for metric, layer in chosen
        },
    )


def _on_pairs(run: Run, pairs: Pairs) -> Run:
    """Make a run with the same settings on the sentences of the pairs, one set for each side."""
    sides = tuple(
        ParallelSet(tuple(f"{side}:{row}" for row in range(len(texts))), {run.plan.target: tuple(texts)})
        for side, texts in enumerate(pairs)
    )
    return Run(replace(run.plan, groups=sides), run.models, run.progress, run.only_cached)


def _embed(run: Run, inner: Run, which: Intervention | None, space: str) -> None:
    missing = inner.stages.missing_embeddings(which)
    if missing:
        tokens = sum(inner.stages.tokens(inner.plan.groups[side].texts[code], code).n_tokens for side, code in missing)
        run.progress.stage(f"{STAGES['paraphrases'].title}, {SPACE_TITLES[space]}", tokens)
        embed(inner.stages, [which])


def rows_of(hits: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Make a row for each comparison, with Wilson's interval and the p of McNemar's test against ``pre``."""
    rows: list[dict[str, Any]] = []
    for name in SPACES:
        n, top1 = len(hits[name]), float(hits[name].mean())
        low, high = wilson(np.array([top1]), n)
        p = float("nan") if name == "pre" else mcnemar(hits["pre"], hits[name])
        rows.append({"comparison": name, "n": n, "top1": top1, "low": float(low[0]), "high": float(high[0]), "p": p})
    return rows


def table(study: Study, pairs: dict[str, Pairs]) -> pd.DataFrame:
    """Make the rows of every language, control and way of comparing; p is adjusted by Holm over the table.

    Parameters
    ----------
    pairs : dict of str to (first, second)
        By language.
    """
    parts = []
    for language, language_pairs in pairs.items():
        for control in CONTROLS:
            experiment = study.settings.experiment(language, control)
            by_way = study.answer(experiment, partial(paraphrases, pairs=language_pairs))
            rows = [
                {"metric": metric, "layer": layer, **row}
                for (metric, layer), hits in by_way.items()
                for row in rows_of(hits)
            ]
            parts.append(study.labelled(pd.DataFrame(rows), experiment))
    frame = pd.concat(parts, ignore_index=True)
    tested = frame["p"].notna().to_numpy()
    p = frame["p"].to_numpy(dtype=np.float64).copy()
    p[tested] = holm(p[tested])
    return frame.assign(p=p)


def steps(study: Study, pairs: dict[str, Pairs]) -> list[Step]:
    """Make one step for each language and control."""
    return [
        study.step(
            "paraphrase",
            f"{language}, {'experts' if control == 'none' else control}",
            study.settings.experiment(language, control),
            partial(paraphrases, pairs=language_pairs),
            (2 if control == "none" else 1) * study.seconds_of_a_pass(chain(*language_pairs)),
        )
        for language, language_pairs in pairs.items()
        for control in CONTROLS
    ]


def _all_pairs(study: Study) -> dict[str, Pairs]:
    return {language: study.settings.paraphrases(language) for language in study.settings.paraphrased()}


def _why_not(study: Study) -> str:
    return "" if study.settings.pawsx is not None else "Not asked for (--pawsx DIR)."


PARAPHRASE = Item(
    "paraphrase",
    "Paraphrase retrieval",
    lambda study: {"paraphrase": table(study, _all_pairs(study))},
    charts.paraphrase,
    lambda study: steps(study, _all_pairs(study)),
    _why_not,
    ("pair_sentences",),
)
