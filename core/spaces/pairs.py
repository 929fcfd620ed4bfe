"""The measurements of every ordered pair of languages in a space, in one table.

To add a number, add it to `COLUMNS`: it is then computed at the chosen layer for all pairs, and at every layer for
those with the target as the query, and stands in a result's tables, in its JSON and in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from core.spaces import distances, retrieval
from core.spaces.similarity import CENTRED, COSINE, Comparison


@dataclass(frozen=True)
class PairColumn:
    """A number of every ordered pair of languages.

    Attributes
    ----------
    name : str
        Of the column.
    of_all : callable
        From a space, (n_languages, n_sentences, dim), to (n_languages, n_languages): query, candidate. The diagonal is
        not read.
    of_query : callable
        The same for one query language, given by its number: (n_languages,). What it says of the language itself is
        not read.
    by : Comparison, optional
        Where the number is a top-1, the way of comparing that it is by: lists of ways at every layer read it.
    """

    name: str
    of_all: Callable[[np.ndarray], np.ndarray]
    of_query: Callable[[np.ndarray, int], np.ndarray]
    by: Comparison | None = None


def _top1(name: str, by: Comparison) -> PairColumn:
    return PairColumn(name, partial(retrieval.top1, by=by), partial(retrieval.top1_of, by=by), by)


COLUMNS = {
    column.name: column
    for column in (
        _top1("top1", COSINE),
        _top1("top1_centred", CENTRED),
        PairColumn("distance", distances.pair_distances, lambda space, query: distances.pair_distances(space)[query]),
    )
}
"""Every number of a pair, by name."""

_UNNAMED = ("top1", "top1_centred", "distance")  # the columns that are stored under a spec without column names


def columns_spec() -> dict[str, list[str]]:
    """Return the part of a table's spec that names its columns; empty for the three columns of `_UNNAMED`."""
    return {} if tuple(COLUMNS) == _UNNAMED else {"columns": list(COLUMNS)}


def pair_table(group: int, languages: Sequence[str], space: np.ndarray) -> pd.DataFrame:
    """Measure every ordered pair of languages.

    Parameters
    ----------
    group : int
        Number of the set of rows.
    space : ndarray of float32, (n_languages, n_sentences, dim)

    Returns
    -------
    DataFrame
        ``group, query, candidate, n`` and every column of `COLUMNS`, one row an ordered pair.
    """
    measured = {name: column.of_all(space) for name, column in COLUMNS.items()}
    return pd.DataFrame(
        [
            {
                "group": group,
                "query": query,
                "candidate": candidate,
                "n": space.shape[1],
                **{name: values[q, c] for name, values in measured.items()},
            }
            for q, query in enumerate(languages)
            for c, candidate in enumerate(languages)
            if q != c
        ]
    )


def query_means(spaces: Iterable[tuple[np.ndarray, int]]) -> dict[str, float]:
    """Mean of every column over the pairs with one query language.

    Parameters
    ----------
    spaces : iterable of (space, query)
        The sets of rows that have the query language, each with the number of that language in it; read one by one.
    """
    values: dict[str, list[np.ndarray]] = {name: [] for name in COLUMNS}
    for space, query in spaces:
        for name, column in COLUMNS.items():
            values[name].append(np.delete(column.of_query(space, query), query))
    return {name: float(np.concatenate(parts).mean()) for name, parts in values.items()}
