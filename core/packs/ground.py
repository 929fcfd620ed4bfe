"""What a packed setting is of: whether it answers what is asked for on another machine."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from core.experiment.imported import Imported
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.models.spec import DTYPES


@dataclass(frozen=True)
class Ground:
    """What a setting was computed of.

    Attributes
    ----------
    experiment : Experiment
        The settings as they were used.
    dtype, revision : str
        Of the model.
    n_layers : int
        Of the model: the index of the last hidden state.
    model, corpus, probe_corpus : str
        Their digests.
    imported : Imported, optional
        The neurons, where a file names them.
    """

    experiment: Experiment
    dtype: str
    revision: str
    n_layers: int
    model: str
    corpus: str
    probe_corpus: str
    imported: Imported | None


def ground(plan: Plan) -> Ground:
    """The ground of a plan."""
    return Ground(
        experiment=plan.experiment,
        dtype=plan.resolved.dtype,
        revision=plan.resolved.revision,
        n_layers=plan.outline.n_layers,
        model=plan.resolved.digest,
        corpus=plan.corpus.digest,
        probe_corpus=plan.probe_corpus.digest,
        imported=plan.imported,
    )


def at_its_commit(experiment: Experiment, commit: str) -> Experiment:
    """The settings of a model of the hub at the commit that was used: what is there later is another model."""
    return replace(experiment, revision=commit) if re.fullmatch("[0-9a-f]{40}", commit) else experiment


def same_setting(asked: Experiment, packed: Experiment, of: Ground, *, measures_alone: bool = False) -> bool:
    """Whether a packed setting answers what is asked.

    A result is what it is wherever it was computed: the device is not compared, and precision and revision only where
    they are asked for by name.

    Parameters
    ----------
    measures_alone : bool
        Of measures, those at strength 0 are the unmodified model's, whatever method and number of neurons are.
    """
    if asked.dtype in DTYPES and asked.dtype != of.dtype:
        return False
    if asked.revision not in (None, packed.revision, of.experiment.revision, of.revision):
        return False

    wanted = _compared(asked, of.n_layers, measures_alone)
    return wanted in (_compared(one, of.n_layers, measures_alone) for one in (packed, of.experiment))


@lru_cache(maxsize=1 << 14)  # a page asks of every cell of a grid whether it is one of thousands
def _compared(experiment: Experiment, n_layers: int, measures_alone: bool) -> Experiment:
    """A setting without what may differ: see `same_setting`."""
    of_machine: dict[str, Any] = {"device": "auto", "dtype": "auto", "revision": None}
    codes = {name: getattr(experiment, name) for name in ("languages", "probe_languages")}
    in_order: dict[str, Any] = {name: value and tuple(sorted(value)) for name, value in codes.items()}
    layer: dict[str, Any] = {"layer": str(n_layers if experiment.layer == "last" else experiment.layer)}
    unmodified = measures_alone and experiment.strength == 0
    free: dict[str, Any] = {"experts": 1, "method": Experiment.method} if unmodified else {}
    return replace(experiment, **of_machine, **in_order, **layer, **free)


def same_ground(here: Plan, packed: Ground) -> bool:
    """Whether a plan is of the same weights, sentences and given neurons as a packed setting, whatever their names."""
    own = ground(here)
    return all(getattr(own, name) == getattr(packed, name) for name in ("model", "corpus", "probe_corpus", "imported"))
