"""The measures of a cell as rows, and the table of all cells."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.experiment.names import SETTINGS
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.pipeline.measure_table import MEASURES
from core.pipeline.run import Run
from core.stats.paired import figure
from core.store.disk import write_whole
from core.store.files import digest

PRE, POST = "pre", "post"
_FIRST = ("model", "target", "method", "experts", "strength")
_USED = ("layer", "dtype", "device")
_CONDITIONS = ("model_revision", "model_digest", "corpus_digest", "probe_corpus_digest")
_ROW = ("measure", "space", "value", "low", "high", "n")


@dataclass(frozen=True)
class Value:
    """One measure of one space of a cell.

    Attributes
    ----------
    measure : str
        A name in `core.pipeline.measure_table.MEASURES`.
    space : {"pre", "post"}
    value, low, high : float
        With the 95% interval by drawing sentences; NaN where the measure is not one of single sentences.
    n : int
        Sentences, those of all sets of rows together.
    """

    measure: str
    space: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class CellMeasures:
    """What a sweep measures of a setting.

    Attributes
    ----------
    digest : str
        Of both spaces, the layer and the target: of all that determines the values.
    conditions : mapping of str to JSON
        `core.experiment.plan.Plan.describe`.
    values : tuple of Value
    """

    digest: str
    conditions: Mapping[str, Any]
    values: tuple[Value, ...]


class CellAnalysis(Protocol):
    """What is asked of every cell: a frozen dataclass, since it crosses to where tasks are done.

    Attributes
    ----------
    layers, sentences : bool
        Whether spaces are measured at every layer too, and sentence by sentence.
    """

    layers: ClassVar[bool]
    sentences: ClassVar[bool]

    def read(self, run: Run) -> Any:
        """Read the answer from a run of the cell, and compute what is missing where the run may."""
        ...

    def tokens(self, plan: Plan) -> float:
        """How many tokens pass through the model for it beside those of the two spaces, about."""
        ...


@dataclass(frozen=True)
class AllMeasures:
    """Every measure of both spaces with its interval, as the table of a sweep has them: `CellMeasures`."""

    layers: ClassVar[bool] = True
    sentences: ClassVar[bool] = True

    def read(self, run: Run) -> CellMeasures:
        """Measure both spaces."""
        return measure(run)

    def tokens(self, plan: Plan) -> float:  # noqa: ARG002 - the two spaces are all that it needs
        """None."""
        return 0.0


ALL_MEASURES = AllMeasures()


def measure(run: Run) -> CellMeasures:
    """Measure both spaces of a setting, with intervals; embeds only what is not measured yet."""
    intervention = run.measure_spaces(layers=True, sentences=True)
    measured = run.measures.before_after(intervention)
    by_sentence = {space: run.measures.sentence_values(of) for space, of in ((PRE, None), (POST, intervention))}
    n = sum(len(group) for group in run.plan.groups if run.plan.target in group.languages)
    values = []
    for name, one in MEASURES.items():
        change = one.read(measured)
        for space, value in ((PRE, change.pre), (POST, change.post)):
            parts = by_sentence[space].get(name)
            interval = figure(parts) if parts else None
            low, high = (interval.low, interval.high) if interval else (math.nan, math.nan)
            values.append(Value(name, space, value, low, high, interval.n if interval else n))
    spaces = [run.stages.space_spec(None), run.stages.space_spec(intervention)]
    key = digest({"spaces": spaces, "layer": run.plan.layer, "target": run.plan.target})
    return CellMeasures(key, run.plan.describe(), tuple(values))


def frame(cells: Iterable[tuple[Experiment, CellMeasures]]) -> pd.DataFrame:
    """One row a cell, measure and space: the settings that are swept, the others, the figure, and what it is of.

    Settings are those that were asked for; a list of names stands as text with commas. Layer, precision and kind of
    device are those that were used: where they were left to the machine, another would mean others by them.
    """
    others = [name for name in SETTINGS if name not in _FIRST]
    rows = []
    for experiment, measured in cells:
        asked = {name: _plain(getattr(experiment, name)) for name in (*_FIRST, *others)}
        conditions = {name: measured.conditions[name] for name in _CONDITIONS}
        used = {name: measured.conditions[name] for name in _USED}
        used["device"] = used["device"].partition(":")[0]  # as the digest has it: which of several does not matter
        for value in measured.values:
            figures = {name: getattr(value, name) for name in _ROW}
            rows.append({**asked, **used, **figures, **conditions, "digest": measured.digest})
    columns = [*_FIRST, *others, *_ROW, *_CONDITIONS, "digest"]
    made = pd.DataFrame(rows, columns=columns)
    numbers = {"experts": "int64", "strength": "float64", "layer": "int64", "n": "int64", "seed": "int64"}
    return made.astype({**numbers, "value": "float64", "low": "float64", "high": "float64"})


def write(path: Path, cells: Sequence[tuple[Experiment, CellMeasures]]) -> None:
    """Write the table as Parquet, whole or not at all; the same cells give the same bytes."""
    content = io.BytesIO()
    frame(cells).to_parquet(content, index=False)
    write_whole(path, content.getvalue())


def write_failed(path: Path, failures: Mapping[Experiment, str]) -> None:
    """Write the cells that failed and why as JSON, a list; where none has, remove what an earlier sweep wrote."""
    if not failures:
        path.unlink(missing_ok=True)
        return
    listed = [{"why": why, "setting": cell.to_dict()} for cell, why in failures.items()]
    write_whole(path, json.dumps(listed, indent=1, ensure_ascii=False).encode())


def count(path: Path) -> int:
    """The cells of a table; 0 where there is none that can be read."""
    apart = [*_FIRST, "control"]  # a reproduction's cells differ by it, those of a sweep by the others
    try:
        return int(pq.read_table(path, columns=apart).group_by(apart).aggregate([]).num_rows)
    except (OSError, ValueError, LookupError, pa.ArrowException):
        return 0


def _plain(value: Any) -> Any:
    return ",".join(value) if isinstance(value, tuple) else value
