"""The table of pairs against the functions of its columns, pair by pair."""

from __future__ import annotations

import numpy as np
import pytest

from core.spaces import pairs
from core.spaces.distances import pair_distances
from core.spaces.retrieval import top1
from core.spaces.similarity import centre
from tests.helpers.spaces import spaces

LANGUAGES = ("en", "es", "ja")


def test_a_row_an_ordered_pair() -> None:
    space = spaces(1, noise=0.5)
    table = pairs.pair_table(2, LANGUAGES, space).set_index(["query", "candidate"])
    assert len(table) == 6
    assert set(table["group"]) == {2}
    assert set(table["n"]) == {space.shape[1]}
    expected = {"top1": top1(space), "top1_centred": top1(centre(space)), "distance": pair_distances(space)}
    for q, query in enumerate(LANGUAGES):
        for c, candidate in enumerate(LANGUAGES):
            if q != c:
                row = table.loc[(query, candidate)]
                assert [row[name] for name in expected] == [values[q, c] for values in expected.values()]


def test_means_of_one_query_are_those_of_the_rows_of_all_sets() -> None:
    first, second = spaces(1, noise=0.5), spaces(2, noise=0.8)
    means = pairs.query_means([(first, 2), (second, 0)])
    rows = [
        pairs.pair_table(0, LANGUAGES, first).query("query == 'ja'"),
        pairs.pair_table(1, LANGUAGES, second).query("query == 'en'"),
    ]
    for name in pairs.COLUMNS:
        assert means[name] == pytest.approx(np.concatenate([row[name] for row in rows]).mean())


def test_only_further_columns_change_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pairs.columns_spec() == {}
    monkeypatch.setitem(pairs.COLUMNS, "more", pairs.PairColumn("more", top1, lambda space, query: top1(space)[query]))
    assert pairs.columns_spec() == {"columns": ["top1", "top1_centred", "distance", "more"]}
