"""Charts that are drawn often are made once: the same function of the same numbers gives the same chart.

Building a chart and checking it against Vega-Lite's schema takes tens of milliseconds, and a page is drawn anew with
every control that is touched. What is kept is found again by the digest of all that went into it, to the last bit.
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

_MOST = 128  # charts: some twenty visitors' pages
_lock = threading.Lock()
_charts: OrderedDict[Hashable, Any] = OrderedDict()
_specs: OrderedDict[int, tuple[Any, Any]] = OrderedDict()


def made_once(make: Make) -> Make:
    """Decorate a pure function of data frames, text and numbers that gives a chart, which nobody changes after."""

    @functools.wraps(make)
    def made(*args: Any, **options: Any) -> Any:
        try:
            key = (make, _named(args), _named(options))
        except (TypeError, pa.ArrowException):  # it is of no kind that has a digest: then it is made anew
            return make(*args, **options)
        found = _get(_charts, key)
        return _keep(_charts, key, make(*args, **options)) if found is None else found

    return made  # type: ignore[return-value]


def spec_of(chart: Any, convert: Callable[[Any], Any]) -> Any:
    """``convert(chart)``, made once as long as the chart is the same object."""
    found = _get(_specs, id(chart))
    if found is None or found[0] is not chart:
        found = _keep(_specs, id(chart), (chart, convert(chart)))  # the chart with it: its id is taken while it lives
    return found[1]


def _get(kept: OrderedDict[Any, Any], key: Hashable) -> Any | None:
    with _lock:
        if key not in kept:
            return None
        kept.move_to_end(key)
        return kept[key]


def _keep(kept: OrderedDict[Any, Any], key: Hashable, value: Any) -> Any:
    with _lock:
        kept[key] = value
        kept.move_to_end(key)
        while len(kept) > _MOST:
            kept.popitem(last=False)
    return value


def _named(value: object) -> Hashable:
    """What tells a value from every other; TypeError where nothing does."""
    if isinstance(value, pd.DataFrame):
        table, sink = pa.Table.from_pandas(value), pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return hashlib.sha256(sink.getvalue()).hexdigest()
    if isinstance(value, list | tuple):
        return tuple(map(_named, value))
    if isinstance(value, Mapping):
        return tuple((_named(name), _named(each)) for name, each in value.items())
    if value is None or isinstance(value, str | int | float | np.generic):
        return type(value), repr(value)
    raise TypeError(type(value))
