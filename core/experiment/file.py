"""An experiment as a file: written by the dashboard and with every result, read back by the command line."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Mapping
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from core.errors import SettingError
from core.experiment.names import SETTINGS
from core.experiment.settings import Experiment

_MOST_BYTES = 200_000_000  # a result has all pairs of languages


def write_experiment(experiment: Experiment) -> str:
    """The settings as JSON; None stands for the default of the corpus."""
    return json.dumps({"experiment": experiment.to_dict()}, indent=1, ensure_ascii=False) + "\n"


def file_stem(experiment: Experiment) -> str:
    """A name for files about an experiment: what differs most often, and a digest of all settings.

    Examples
    --------
    >>> file_stem(Experiment(target="ja", experts=2000))  # doctest: +ELLIPSIS
    'ja-2000-set-mean-1-...'
    """
    digest = sha256(write_experiment(experiment).encode()).hexdigest()[:6]
    parts = [experiment.target, experiment.experts, experiment.method, f"{experiment.strength:g}"]
    parts += [experiment.control] if experiment.control != Experiment.control else []
    return "-".join(re.sub(r"[^\w.-]", "_", str(part)) for part in (*parts, digest))


def read_experiment(path: Path) -> Experiment:
    """Read settings from a JSON object of settings, or from the ``experiment`` of a result; the rest is ignored.

    Raises
    ------
    SettingError
        If the file cannot be read, is no JSON object, names no setting, or a setting has a value of the wrong kind.
    """
    request, instead = f"read the experiment in {path}", "Name a file that the dashboard saved, or that --json wrote."
    try:
        if (size := path.stat().st_size) > _MOST_BYTES:
            why = f"it has {size:,} bytes, and no file of an experiment or a result has more than {_MOST_BYTES:,}"
            raise SettingError(request, why, instead)
        values = json.loads(path.read_text(encoding="utf-8-sig"))  # some editors put a byte order mark first
    except OSError as error:
        raise SettingError(request, error.strerror or str(error), instead) from error
    except SettingError:
        raise
    except (ValueError, RecursionError) as error:
        raise SettingError(request, f"it is not JSON ({error})", instead) from error
    if isinstance(values, dict) and isinstance(values.get("experiment"), dict):
        values = values["experiment"]
    if not isinstance(values, dict) or not set(values) & {field.name for field in fields(Experiment)}:
        raise SettingError(request, "it names no setting of an experiment", instead)
    check_kinds(request, values)
    return Experiment.from_dict(values)


def check_kinds(asked: str, values: Mapping[str, Any]) -> None:
    """Raise `SettingError` if a setting has a value of the wrong kind: settings by name, as JSON has them.

    Keys that are no settings are not looked at. ``asked`` says in the error what was asked for.
    """
    for name, kind in get_type_hints(Experiment).items():
        if name in values and not _fits(values[name], kind):
            example, given = json.dumps(SETTINGS[name].sample), json.dumps(values[name], default=repr)
            raise SettingError(asked, f"{name} is {given}", f"Give it a value such as {example}.")


def _fits(value: Any, kind: Any) -> bool:
    """Whether a JSON value is of an annotated kind: lists stand for tuples, whole numbers for floats."""
    if get_origin(kind) in (types.UnionType, None) and get_args(kind):
        return any(_fits(value, part) for part in get_args(kind))
    if get_origin(kind) is tuple:
        return isinstance(value, list) and all(isinstance(part, str) for part in value)
    if kind is type(None):
        return value is None
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))
