"""The settings of a sweep, read back from its tables, as pages and the store know them."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pyarrow as pa

from core.errors import AskError, SettingError
from core.experiment.file import check_kinds
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.store import bounded_parquet

_TABLE = re.compile(r"cells(-\d+-of-\d+)?\.parquet")
_NEEDED = ("model", "corpus", "target", "experts", "strength", "layer", "dtype")
_MOST_CELLS, _MOST_BYTES = 50_000_000, 1 << 30  # of one table
_INSTEAD = "Name the folder that python -m core sweep --out wrote."


def settings(folder: Path) -> list[Experiment]:
    """Read the settings of the cells in a folder: of ``cells.parquet`` and of the parts that machines have, each once.

    The layer, the precision and the kind of device are those that were used; see `as_asked`.

    Raises
    ------
    SettingError
        If there is no such table, or it cannot be read.
    """
    try:
        tables = sorted(path for path in folder.iterdir() if _TABLE.fullmatch(path.name))
    except OSError as error:
        raise SettingError(f"read the sweep in {folder}", error.strerror or str(error), _INSTEAD) from error
    if not tables:
        raise SettingError(f"read the sweep in {folder}", "there is no cells.parquet in it", _INSTEAD)
    found = dict.fromkeys(setting for table in tables for setting in _settings(table))
    if not found:
        raise SettingError(f"read the sweep in {folder}", "no cell of it is measured yet", "Wait until some are.")
    return list(found)


def as_asked(engine: Engine, setting: Experiment) -> Experiment:
    """A setting of a table as whoever asks for it says it: the last layer unnamed, and what this machine takes unasked.

    Precision and device are left out where ``auto`` means them here. Both name the same artefacts.

    Raises
    ------
    AskError
        If there can be no such setting on this machine.
    """
    plan = engine.plan(setting)
    if plan.layer == plan.outline.n_layers:
        setting = replace(setting, layer="last")
    device, dtype = setting.device, setting.dtype
    for unnamed in (("auto", "auto"), (device, "auto"), ("auto", dtype)):
        with suppress(AskError):  # what must be named
            asked = replace(setting, device=unnamed[0], dtype=unnamed[1])
            if engine.plan(asked).resolved == plan.resolved:
                return asked
    return setting


def _settings(path: Path) -> list[Experiment]:
    what = f"read the sweep's table {path}"
    try:
        with path.open("rb") as file:
            table = bounded_parquet.read(file, _MOST_CELLS, _MOST_BYTES)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SettingError(what, f"it cannot be read ({error})", _INSTEAD) from error
    names = [field.name for field in fields(Experiment) if field.name in table.column_names]
    if missing := [name for name in _NEEDED if name not in names]:
        raise SettingError(what, f"it has no column {', '.join(missing)}", _INSTEAD)
    rows = dict.fromkeys(tuple(row.items()) for row in table.select(names).to_pylist())
    return [_setting(what, dict(row)) for row in rows]


def _setting(what: str, row: Mapping[str, Any]) -> Experiment:
    hints = get_type_hints(Experiment)
    try:
        values = {name: _value(value, hints[name]) for name, value in row.items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise SettingError(what, f"it holds no settings ({error})", _INSTEAD) from error
    check_kinds(what, values)
    return Experiment.from_dict(values)


def _value(value: Any, kind: Any) -> Any:
    """A cell of the table as JSON has it: lists stand as text with commas, and whole numbers may as fractions."""
    kinds = get_args(kind) if get_origin(kind) is types.UnionType else (kind,)
    if value is None:
        return None
    if any(get_origin(each) is tuple for each in kinds):
        return value.split(",")
    if isinstance(value, bool | str):
        return value
    return int(value) if int in kinds and value == int(value) else value
