"""Whether a value is of the type that an annotation names: what is read from elsewhere may be anything.

Code that gets the value goes by the annotation, and would raise whatever Python raises where the value is another.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints


def misfits(kind: type, values: Mapping[str, Any]) -> list[str]:
    """Names of the fields of a class, among those given, whose values are not of the annotated types."""
    annotated = _annotations(kind)
    return [name for name, value in values.items() if not fits(value, annotated[name])]


def returned(function: Callable[..., Any]) -> Any:
    """The annotated type of what a function returns; Any where it has none."""
    return _annotations(function).get("return", Any)


def fits(value: Any, annotation: Any) -> bool:
    """Whether a value is of a type: a class, a union, or a tuple, list or mapping of types; a whole number is a float.

    Examples
    --------
    >>> fits((1, "a"), tuple[int, str]), fits([1], list[str]), fits(None, str | None), fits(True, int)
    (True, False, True, False)
    """
    if annotation is Any:
        return True
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (types.UnionType, Union):
        return any(fits(value, part) for part in parts)
    if origin is tuple and parts[1:] != (...,):
        return isinstance(value, tuple) and len(value) == len(parts) and all(map(fits, value, parts))
    if origin in (tuple, list):
        return isinstance(value, origin) and all(fits(item, parts[0]) for item in value)
    if origin in (dict, Mapping):
        key, of_key = parts
        return isinstance(value, Mapping) and all(fits(k, key) and fits(v, of_key) for k, v in value.items())
    if annotation in (int, float):
        return isinstance(value, int | annotation) and not isinstance(value, bool)
    return value is None if annotation in (None, types.NoneType) else isinstance(value, annotation)


@cache
def _annotations(of: Any) -> dict[str, Any]:
    return get_type_hints(of)
