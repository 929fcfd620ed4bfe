"""Results made by hand: real objects with chosen numbers, for code that only reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from core.corpora.corpus import Corpus, ParallelSet
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.models.load import Outline
from core.models.spec import ResolvedModel
from core.neurons.experts import Experts
from core.neurons.neuron_map import NeuronMap, Site
from core.pipeline import measure_table
from core.pipeline.before_after import Change
from core.pipeline.computed_settings import ComputedSetting
from core.pipeline.result import Result

N_LAYERS = 4
N_PROBE, N_EVAL = 6, 5
# (pre, post) of each measure, the same for all pairs; a language of its own may be given for top-1.
MEASURES = {"top1": (0.1, 0.4), "centred": (0.3, 0.35), "distance": (0.7, 0.2)}


def sentences(languages: Sequence[str], n: int, kind: str) -> ParallelSet:
    """Rows of a corpus: ``ja evaluation 3``."""
    return ParallelSet(
        tuple(f"{kind[0]}{row}" for row in range(n)),
        {code: tuple(f"{code} {kind} {row}" for row in range(n)) for code in languages},
    )


def make_plan(experiment: Experiment, languages: Sequence[str] = ("en", "es", "ja", "zh"), layer: int = 4) -> Plan:
    """An experiment bound to a corpus and a model that are not on disk."""
    probe, evaluation = sentences(languages, N_PROBE, "probe"), sentences(languages, N_EVAL, "evaluation")
    corpus = Corpus("made", "table", "Made", "none", "here", probe, (evaluation,), ())
    neurons = NeuronMap(tuple(Site(n, "up_proj", f"layers.{n}.mlp.up_proj", 50, 50 * n) for n in range(N_LAYERS)))
    return Plan(
        experiment=experiment,
        resolved=ResolvedModel("made", "", "r1", "0" * 64, "float32", "cpu"),
        outline=Outline(neurons, N_LAYERS, 8, 1000, "Made"),
        corpus=corpus,
        probe_corpus=corpus,
        target=experiment.target,
        probe=probe,
        groups=(evaluation,),
        layer=layer,
        notes=(),
    )


def make_result(
    experiment: Experiment | None = None,
    languages: Sequence[str] = ("en", "es", "ja", "zh"),
    by_candidate: Mapping[str, tuple[float, float]] | None = None,
    best_layer: tuple[int, float] = (2, 0.25),
    **measures: tuple[float, float],
) -> Result:
    """A result whose measures are ``(pre, post)`` as given.

    Parameters
    ----------
    by_candidate : mapping of code to (pre, post), optional
        Top-1 in these candidate languages, where it is not ``top1``.
    best_layer : (layer, top1)
        Where the unmodified model retrieves best; all other layers are at 0.01.
    measures
        ``top1``, ``centred`` and ``distance``.
    """
    experiment = experiment or Experiment(model="made", corpus="made", experts=20)
    measured = {**MEASURES, **measures}
    rows: list[dict[str, Any]] = []
    for query in languages:
        for candidate in languages:
            if query != candidate:
                row: dict[str, Any] = {"group": 0, "query": query, "candidate": candidate, "n": N_EVAL}
                for name, (pre, post) in measured.items():
                    if name == "top1":
                        pre, post = (by_candidate or {}).get(candidate, (pre, post))
                    row |= {f"{name}_pre": pre, f"{name}_post": post}
                rows.append(row)
    layers = pd.DataFrame({"layer": range(N_LAYERS + 1)})
    for name in ("top1", "centred", "distance"):
        layers[f"{name}_pre"], layers[f"{name}_post"] = 0.01, 0.02
    layers.loc[best_layer[0], "top1_pre"] = best_layer[1]
    points = np.random.default_rng(0).normal(size=(2, len(languages), N_EVAL, 2)).astype(np.float32)
    return Result(
        plan=make_plan(experiment, languages),
        experts=Experts(np.arange(experiment.experts), np.full(experiment.experts, 0.9), np.zeros(experiment.experts)),
        pairs=pd.DataFrame(rows),
        medoid=pd.DataFrame({"language": list(languages), "pre": 0.5, "post": 0.1}),
        layers=layers,
        maps=((points[0], points[1]),),
        seconds={},
        computed=(),
        notes=(),
    )


def computed_setting(experiment: Experiment, top1: float = 0.4) -> ComputedSetting:
    """A setting as lists of computed ones have it, with the same change of every measure."""
    values = {name: Change(0.1, top1) for name in measure_table.MEASURES}
    return ComputedSetting(experiment, values, 200, {"layer": 18}, datetime(2026, 1, 2, tzinfo=UTC))
