"""Item: other methods and scores than the paper's, compared on one target under the same conditions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from core.experiment.settings import Experiment
from core.neurons.methods import METHODS
from core.neurons.scores import SCORES
from core.pipeline.run import Run
from core.progress import Progress
from core.reproduction.charts import methods as charts
from core.reproduction.item import Item
from core.reproduction.steps import Step
from core.reproduction.study import Study
from core.spaces import distances, retrieval
from core.spaces.similarity import COMPARISONS, COSINE
from core.stats.intervals import bootstrap


def target_of(study: Study) -> str:
    """Choose the target: Japanese, the least similar of the paper's, if it is requested; else the first."""
    return "ja" if "ja" in study.targets else study.targets[0]


def experiments(study: Study) -> list[Experiment]:
    """List the experiments: every method on the paper's experts, its method with every other score, random neurons."""
    target, settings = target_of(study), study.settings
    return [
        *(settings.experiment(target, method=method) for method in METHODS),
        *(settings.experiment(target, score=score) for score in SCORES if score != settings.experiment(target).score),
        settings.experiment(target, "random"),
    ]


def _rows(study: Study) -> int:
    """Number of evaluation rows on which the methods are compared."""
    return min(study.settings.method_sentences, len(study.plan.groups[0]))


def _measured_before(study: Study, experiment: Experiment) -> bool:
    """Whether other items embed all rows of the experiment, so that its first rows are stored already."""
    return experiment == study.settings.experiment(experiment.target, experiment.control)


def _moved(run: Run) -> tuple[float, np.ndarray]:
    """Mean score of the experts, and the space after at the plan's layer."""
    experts = run.experts()
    intervention = run.stages.intervention(experts)
    run.further({"after": intervention})
    return float(experts.scores.mean()), run.stages.embeddings(0, intervention, run.plan.layer)


def _after(study: Study, experiment: Experiment, progress: Progress | None = None) -> tuple[float, np.ndarray]:
    """`_moved` on the rows that are compared."""
    rows = _rows(study)
    shortened = experiment if _measured_before(study, experiment) else replace(experiment, eval_sentences=rows)
    score, space = study.engine.answer(shortened, _moved, progress)
    return score, space[:, :rows]


def changes(pre: np.ndarray, post: np.ndarray, target: int, seed: int) -> dict[str, Any]:
    """Measure means over candidates with the target as the query, and their gain over the space before.

    Intervals are bootstrapped over sentences, for the gain with both sides drawn together.

    Parameters
    ----------
    pre, post : ndarray of float32, (n_languages, n_sentences, hidden)
    """
    candidates = [number for number in range(len(pre)) if number != target]
    row: dict[str, Any] = {"n": pre.shape[1]}
    for by in COMPARISONS.values():
        name = "top1" if by is COSINE else by.name
        hits_by_space = [retrieval.correct(space, by) for space in (pre, post)]
        before, after = (hits[target][candidates].mean(axis=0) for hits in hits_by_space)
        mean, gain = (bootstrap(values, seed=seed) for values in (after, after - before))
        prefix = "" if name == "top1" else f"{name}_"
        row |= {name: mean.value, f"{prefix}low": mean.low, f"{prefix}high": mean.high}
        row |= {f"{prefix}gain": gain.value, f"{prefix}gain_low": gain.low, f"{prefix}gain_high": gain.high}
        if name == "top1":
            row["all_top1"] = float(hits_by_space[1].mean(axis=2)[~np.eye(len(pre), dtype=bool)].mean())
    return row | {"distance": float(np.nanmean(distances.pair_distances(post)))}


def _title(experiment: Experiment) -> str:
    control = "" if experiment.control == "none" else ", random"
    return f"{experiment.target}, {experiment.method}, {experiment.score}{control}"


def _steps(study: Study) -> list[Step]:
    steps = []
    for experiment in experiments(study):
        other_score = experiment.score != study.settings.experiment(experiment.target).score
        shortened = replace(experiment, eval_sentences=_rows(study))
        seconds = study.expected(shortened, *(("expertise",) if other_score else ()), "embed_post")
        if _measured_before(study, experiment):
            seconds = 0.1

        def work(progress: Progress, of: Experiment = experiment) -> object:
            return _after(study, of, progress)

        steps.append(Step("methods", _title(experiment), work, seconds))
    return steps


def _tables(study: Study) -> dict[str, pd.DataFrame]:
    target, seed = target_of(study), study.settings.seed
    plain = study.settings.experiment(target)
    target_number, layer = study.plan.groups[0].languages.index(target), study.plan.layer

    def before(run: Run) -> np.ndarray:
        run.spaces()
        return run.stages.embeddings(0, None, layer)[:, : _rows(study)]

    pre = study.answer(plain, before)

    def row(experiment: Experiment, post: np.ndarray, score: float) -> dict[str, Any]:
        names = {"method": experiment.method, "score": experiment.score, "layer": layer}
        return study.conditions(experiment) | names | changes(pre, post, target_number, seed) | {"mean_score": score}

    rows = [row(plain, pre, float("nan")) | {"method": "none", "score": "none", "control": "unmodified"}]
    for experiment in experiments(study):
        score, post = _after(study, experiment)
        rows.append(row(experiment, post, score))
    return {"methods": pd.DataFrame(rows)}


METHODS_ITEM = Item(
    "methods", "Other methods and scores", _tables, charts.methods, _steps, conditions=("method_sentences",)
)
