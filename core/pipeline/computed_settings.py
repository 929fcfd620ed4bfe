"""Which settings a cache has the measures of: noted as they are measured, and listed without reading anything large."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from core.errors import StoreError
from core.experiment.settings import Experiment
from core.neurons.interventions import Intervention
from core.pipeline.before_after import BeforeAfter, Change
from core.pipeline.measure_table import MEASURES
from core.pipeline.stages import Stages
from core.store.artefact import Artefact, Payload
from core.store.stage import STAGES
from core.store.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ComputedSetting:
    """A setting whose spaces were measured.

    Attributes
    ----------
    experiment : Experiment
    values : mapping of str to Change
        Both spaces by each measure of `core.pipeline.measure_table.MEASURES`; one that is read from all layers is
        missing where they were not measured.
    n : int
        Evaluation rows of the smallest set that has the target.
    conditions : mapping of str to JSON
        `core.experiment.plan.Plan.describe`: the settings as they were used, model revision, corpus digest.
    created : datetime or None
        When it was first noted, in UTC; None where that is not known.
    elsewhere : str
        Where it was computed, in words; empty for this cache.
    """

    experiment: Experiment
    values: Mapping[str, Change]
    n: int
    conditions: Mapping[str, Any]
    created: datetime | None
    elsewhere: str = ""


@dataclass(frozen=True)
class Summary:
    """What lists say of a setting.

    Attributes
    ----------
    values : mapping of str to Change
    n : int
    conditions : mapping of str to JSON
        As those of `ComputedSetting`.
    """

    values: Mapping[str, Change]
    n: int
    conditions: Mapping[str, Any]


def summary(measured: BeforeAfter) -> Summary:
    """Say it of what was measured."""
    return Summary(_values(measured), int(measured.from_target["n"].min()), measured.plan.describe())


def of_summary(
    experiment: Experiment, summed: Summary, created: datetime | None, elsewhere: str = ""
) -> ComputedSetting:
    """What `listed` says of a setting, from what is not of the cache."""
    return ComputedSetting(experiment, summed.values, summed.n, summed.conditions, created, elsewhere)


def _values(measured: BeforeAfter) -> dict[str, Change]:
    return {name: m.read(measured) for name, m in MEASURES.items() if len(measured.layers) or not m.reads_layers}


def record(stages: Stages, measured: BeforeAfter, intervention: Intervention) -> None:
    """Note a setting and its measures in the store, once; where the store cannot be written to, do nothing."""
    plan = measured.plan
    read = _values(measured)
    spec = STAGES["setting"].spec(
        experiment=plan.experiment.to_dict(),
        conditions=plan.describe(),
        spaces=[stages.space_spec(None), stages.space_spec(intervention)],
        measures=list(read),
    )

    def compute() -> Payload:
        values = {name: change.to_json() for name, change in read.items()}
        return Payload(facts={"values": values, "n": int(measured.from_target["n"].min())})

    try:
        stages.get("setting", spec, compute, lambda artefact: artefact)
    except StoreError as error:
        log.warning("the setting is not listed among those that are computed: %s", error)


def listed(store: Store) -> list[ComputedSetting]:
    """The settings of a cache, the newest first, each once with all measures that are known of it.

    Reads one small file a setting: 500 take some hundredths of a second, the first time some tenths.
    """
    newest: dict[Experiment, ComputedSetting] = {}
    for entry in store.entries("setting"):
        if entry.spec.get("version") == STAGES["setting"].version:
            found = _read(entry)
            before = newest.pop(found.experiment, None)
            newest[found.experiment] = found if before is None else _joined(before, found)
    return list(reversed(newest.values()))


def strengths(settings: Sequence[ComputedSetting], experiment: Experiment) -> tuple[float, ...]:
    """The strengths of settings that are like one in all else and have all measures, ascending."""
    like = (setting.experiment for setting in settings if len(setting.values) == len(MEASURES))
    return tuple(sorted(one.strength for one in like if replace(one, strength=experiment.strength) == experiment))


def _read(entry: Artefact) -> ComputedSetting:
    written = cast("Mapping[str, Mapping[str, float | None]]", entry.facts["values"])
    values = {name: Change(_number(value["pre"]), _number(value["post"])) for name, value in written.items()}
    conditions = cast("Mapping[str, Any]", entry.spec["conditions"])
    experiment = Experiment.from_dict(cast("Mapping[str, Any]", entry.spec["experiment"]))
    return ComputedSetting(experiment, values, int(cast("int", entry.facts["n"])), conditions, entry.created)


def _joined(before: ComputedSetting, found: ComputedSetting) -> ComputedSetting:
    """The newer of two notes of one setting; with the older's measures too where model and sentences are the same."""
    values = {**before.values, **found.values} if before.conditions == found.conditions else found.values
    return ComputedSetting(found.experiment, values, found.n, found.conditions, before.created)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
