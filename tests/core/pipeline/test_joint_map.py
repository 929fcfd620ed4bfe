"""On which sentences a joint map is fitted, and where all are: against the obvious loop over groups and languages."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.pipeline import joint_map
from core.pipeline.specs import in_order
from core.spaces import placing, projection


@dataclass(frozen=True)
class Group:
    """A set of rows, as a plan has it."""

    languages: tuple[str, ...]
    rows: int

    def __len__(self) -> int:
        return self.rows


def plan_of(*groups: Group) -> Any:
    return SimpleNamespace(groups=groups, layer=1, experiment=SimpleNamespace(seed=3))


def test_a_large_map_is_fitted_on_rows_from_all_over_every_group() -> None:
    small, large = plan_of(Group(("a", "b"), 50), Group(("a", "c"), 10)), plan_of(Group(("a", "b"), 10_000))
    assert joint_map.fitted_rows(small) == joint_map.fitted_rows(small, 5) == [50, 10]
    assert joint_map.fitted_rows(large) == [2500]  # 5,000 points of each space
    assert joint_map.fitted_rows(large, 5) == [1500]  # 15,000 points of five spaces
    uneven = plan_of(Group(("a",), 100_000), Group(("a", "b"), 3))
    assert joint_map.fitted_rows(uneven) == [4999, 2]
    assert [rows.tolist() for rows in joint_map.rows_of_groups(small)] == [list(range(50)), list(range(10))]
    (rows,) = joint_map.rows_of_groups(large)
    assert rows.tolist() == list(range(0, 10_000, 4))
    first, second = joint_map.rows_of_groups(uneven)
    assert len(set(first.tolist())) == 4999
    assert first.max() < 100_000
    assert second.tolist() == [0, 1]


def test_how_many_are_fitted_and_placed_is_said_of_a_large_map_alone() -> None:
    small, large = plan_of(Group(("a", "b"), 2_500)), plan_of(Group(tuple("abcdefghijkl"), 1_000))
    assert joint_map.in_words(small) == ""
    assert joint_map.placing_seconds(small) == 0
    assert "fitted on 4,992 of 12,000 sentences; the other 7,008 are placed" in joint_map.in_words(large)
    assert "fitted on 3,000 of 12,000 sentences; the other 9,000 are placed" in joint_map.in_words(large, 5)
    assert joint_map.placing_seconds(large, 5) > joint_map.placing_seconds(large) > 0


@pytest.mark.parametrize("most", [joint_map.MOST_OF_A_SPACE, 12])
def test_every_sentence_is_where_the_projection_puts_it(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint_map, "MOST_OF_A_SPACE", most)
    generator = np.random.default_rng(0)
    plan = plan_of(Group(("a", "b"), 5), Group(("a", "b", "c"), 4))
    spaces: dict[object, list[np.ndarray]] = {
        space: [generator.normal(size=(len(g.languages), len(g), 6)).astype(np.float32) for g in plan.groups]
        for space in (None, "half", "whole")
    }
    stages: Any = SimpleNamespace(plan=plan, embeddings=lambda group, space, layer: spaces[space][group + 0 * layer])
    asked: Any = tuple(spaces)
    maps = joint_map.draw(stages, asked, seed=7)

    rows = [
        (space, g, c, n)
        for space in spaces
        for g, group in enumerate(plan.groups)
        for c in range(len(group.languages))
        for n in range(len(group))
    ]
    flat = np.stack([spaces[space][g][c, n] for space, g, c, n in rows])
    first, *others = np.split(flat, 3)
    if most > len(first):
        planes = np.concatenate(projection.held_umap(first, others, seed=7))
    else:  # 5 of 9 rows are fitted: of 5 rows and 4, two each
        kept = [n in (0, 2) for *_, n in rows[: len(first)]]
        assert joint_map.n_fitted(plan, 3) == sum(kept) == 10
        planes = np.concatenate(placing.held_and_placed(first, others, np.flatnonzero(kept), seed=7))
    for (space, g, c, n), point in zip(rows, planes, strict=True):
        np.testing.assert_array_equal(maps[g][asked.index(space), c, n], point)


@pytest.mark.parametrize("n_spaces", [2, 5])
def test_what_determines_a_map_holds_the_rows_it_shows(n_spaces: int) -> None:
    plan = plan_of(Group(("a", "b"), 10_000))
    found = joint_map.inputs(plan, n_spaces)
    assert (found["layer"], found["seed"], found["shown"]) == (1, 3, joint_map.fitted_rows(plan, n_spaces))
    assert found["of"] == [10_000]


def test_what_determines_a_map_that_is_fitted_on_all_is_what_it_was() -> None:
    found = joint_map.inputs(plan_of(Group(("a", "b"), 50)))
    del found["umap"]
    assert found == {"layer": 1, "seed": 3, "shown": [50], **in_order((Group(("a", "b"), 50),))}  # type: ignore[arg-type]
