"""Requests and answers as plain data, to cross from one process to another: JSON, and never pickle.

Numbers, texts, None, lists and mappings stay as they are; tuples and frozen dataclasses are marked. A dataclass is made
again from its class's module and its fields. Arrays go beside the JSON, where the caller gives a place for them:
`send` and `receive` put both on a stream.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, BinaryIO

import numpy as np

_OURS = ("core", "dashboard")


def encode(value: object, arrays: dict[str, np.ndarray] | None = None) -> Any:
    """Turn a value into what `json` writes.

    Parameters
    ----------
    arrays : dict, optional
        Where arrays are put, each under the name that stands in its place.

    Raises
    ------
    TypeError
        Where it holds anything else; an array too, where there is no place for it.

    Examples
    --------
    >>> encode({"k": (1, 2.5)})
    {'map': [['k', {'tuple': [1, 2.5]}]]}
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, tuple):
        return {"tuple": [encode(item, arrays) for item in value]}
    if isinstance(value, list):
        return [encode(item, arrays) for item in value]
    if isinstance(value, Mapping):
        return {"map": [[encode(key, arrays), encode(item, arrays)] for key, item in value.items()]}
    if isinstance(value, np.ndarray) and arrays is not None:
        name = str(len(arrays))
        arrays[name] = value
        return {"array": name}
    if is_dataclass(value) and not isinstance(value, type):
        own = {field.name: encode(getattr(value, field.name), arrays) for field in fields(value)}
        return {"class": [type(value).__module__, type(value).__qualname__], "fields": own}
    raise TypeError(f"{type(value).__name__} is no plain data")


def decode(data: Any, ours_alone: bool = True, arrays: Mapping[str, np.ndarray] | None = None) -> Any:
    """Make a value again from what `encode` gave.

    Parameters
    ----------
    ours_alone : bool
        Whether to refuse dataclasses that are not the project's own: of what comes from a process that read strangers'
        files.
    arrays : mapping, optional
        What `encode` put beside it.

    Raises
    ------
    TypeError, ValueError
        Where it is not of `encode`.
    """
    if isinstance(data, list):
        return [decode(item, ours_alone, arrays) for item in data]
    if not isinstance(data, dict):
        return data
    if "tuple" in data:
        return tuple(decode(item, ours_alone, arrays) for item in data["tuple"])
    if "map" in data:
        return {decode(key, ours_alone, arrays): decode(item, ours_alone, arrays) for key, item in data["map"]}
    if "array" in data and arrays is not None:
        return arrays[data["array"]]
    if "class" not in data:
        raise ValueError("it is not of this project")
    module, name = data["class"]
    made: Any = _named(str(module), str(name), ours_alone)
    return made(**{name: decode(item, ours_alone, arrays) for name, item in data["fields"].items()})


def send(stream: BinaryIO, value: object) -> None:
    """Write a value with its arrays to a stream: a line of JSON, and the arrays behind it in the form of safetensors.

    Raises
    ------
    OSError, ValueError
        Where nobody reads the other end any more.
    """
    from safetensors.numpy import save

    arrays: dict[str, np.ndarray] = {}
    encoded = encode(value, arrays)
    blob = save({name: np.ascontiguousarray(array) for name, array in arrays.items()}) if arrays else b""
    stream.write(json.dumps({"bytes": len(blob), "value": encoded}).encode("ascii") + b"\n")
    stream.write(blob)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read what `send` wrote; raises `EOFError` where the stream ends, also within a value."""
    from safetensors.numpy import load

    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError("the stream has ended")
    head = json.loads(line)
    blob = stream.read(head["bytes"])
    if len(blob) < head["bytes"]:
        raise EOFError("the stream ended within a value")
    return decode(head["value"], arrays=load(blob) if blob else {})


def _named(module: str, name: str, ours_alone: bool) -> type:
    if ours_alone and module.split(".")[0] not in _OURS:
        raise ValueError(f"{module} is not of this project")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ValueError(f"{module}.{name} is no dataclass")
    return found
