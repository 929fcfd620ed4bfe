"""Requests and answers as plain data, to cross from one process to another: JSON, and never pickle.

Numbers, texts, None, lists and mappings stay as they are; tuples and frozen dataclasses are marked. A dataclass is made
again from its class's module and its fields.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

_OURS = ("core", "dashboard")


def encode(value: object) -> Any:
    """Turn a value into what `json` writes.

    Raises
    ------
    TypeError
        Where it holds anything else, such as an array.

    Examples
    --------
    >>> encode({"k": (1, 2.5)})
    {'map': [['k', {'tuple': [1, 2.5]}]]}
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, tuple):
        return {"tuple": [encode(item) for item in value]}
    if isinstance(value, list):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {"map": [[encode(key), encode(item)] for key, item in value.items()]}
    if is_dataclass(value) and not isinstance(value, type):
        own = {field.name: encode(getattr(value, field.name)) for field in fields(value)}
        return {"class": [type(value).__module__, type(value).__qualname__], "fields": own}
    raise TypeError(f"{type(value).__name__} is no plain data")


def decode(data: Any, ours_alone: bool = True) -> Any:
    """Make a value again from what `encode` gave.

    Parameters
    ----------
    ours_alone : bool
        Whether to refuse dataclasses that are not the project's own: of what comes from a process that read strangers'
        files.

    Raises
    ------
    TypeError, ValueError
        Where it is not of `encode`.
    """
    if isinstance(data, list):
        return [decode(item, ours_alone) for item in data]
    if not isinstance(data, dict):
        return data
    if "tuple" in data:
        return tuple(decode(item, ours_alone) for item in data["tuple"])
    if "map" in data:
        return {decode(key, ours_alone): decode(item, ours_alone) for key, item in data["map"]}
    if "class" not in data:
        raise ValueError("it is not of this project")
    module, name = data["class"]
    made: Any = _named(str(module), str(name), ours_alone)
    return made(**{name: decode(item, ours_alone) for name, item in data["fields"].items()})


def _named(module: str, name: str, ours_alone: bool) -> type:
    if ours_alone and module.split(".")[0] not in _OURS:
        raise ValueError(f"{module} is not of this project")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ValueError(f"{module}.{name} is no dataclass")
    return found
