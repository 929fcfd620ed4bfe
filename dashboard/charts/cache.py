"""Charts that are drawn often are made once: the same function of the same numbers gives the same chart.

To build a chart takes tens of milliseconds, and a page is drawn anew with every control that is touched. A chart is
found again by the digest of all that went into it, to the last bit.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

Make = TypeVar("Make", bound=Callable[..., Any])

_LIMIT = 128  # charts: some twenty visitors' pages
_lock = threading.Lock()
_charts: OrderedDict[Hashable, Any] = OrderedDict()
_specs: OrderedDict[int, tuple[Any, Any]] = OrderedDict()


def made_once(make: Make) -> Make:
    """Decorate a pure function of data frames, text and numbers that returns a chart, which nobody changes later."""

    @functools.wraps(make)
    def cached(*args: Any, **options: Any) -> Any:
        try:
            key = (make, _digest(args), _digest(options))
        except (TypeError, pa.ArrowException):  # an argument is of no kind that has a digest
            return make(*args, **options)
        chart = _get(_charts, key)
        return _keep(_charts, key, make(*args, **options)) if chart is None else chart

    return cached  # type: ignore[return-value]


def spec_of(chart: Any, convert: Callable[[Any], Any]) -> Any:
    """The value of ``convert(chart)``, computed once as long as the chart is the same object."""
    entry = _get(_specs, id(chart))
    if entry is None or entry[0] is not chart:
        entry = _keep(_specs, id(chart), (chart, convert(chart)))  # while the chart is kept, no other has its id
    return entry[1]


def _get(cache: OrderedDict[Any, Any], key: Hashable) -> Any | None:
    with _lock:
        if key not in cache:
            return None
        cache.move_to_end(key)
        return cache[key]


def _keep(cache: OrderedDict[Any, Any], key: Hashable, value: Any) -> Any:
    with _lock:
        cache[key] = value
        cache.move_to_end(key)
        while len(cache) > _LIMIT:
            cache.popitem(last=False)
    return value


def _digest(value: object) -> Hashable:
    """A digest of a value; TypeError for a kind of value that has none."""
    if isinstance(value, pd.DataFrame):
        table, sink = pa.Table.from_pandas(value), pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return hashlib.sha256(sink.getvalue()).hexdigest()
    if isinstance(value, list | tuple):
        return tuple(map(_digest, value))
    if isinstance(value, Mapping):
        return tuple((_digest(name), _digest(item)) for name, item in value.items())
    if value is None or isinstance(value, str | int | float | np.generic):
        return type(value), repr(value)
    raise TypeError(type(value))
