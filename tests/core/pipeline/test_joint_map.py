"""Which sentences a joint map shows, and where it puts them: against the obvious loop over groups and languages."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.pipeline import joint_map
from core.spaces import projection


@dataclass(frozen=True)
class Group:
    """A set of rows, as a plan has it."""

    languages: tuple[str, ...]
    rows: int

    def __len__(self) -> int:
        return self.rows


def plan_of(*groups: Group) -> Any:
    return SimpleNamespace(groups=groups, layer=1, experiment=SimpleNamespace(seed=3))


def test_a_large_map_shows_the_first_rows_of_every_group() -> None:
    small, large = plan_of(Group(("a", "b"), 50), Group(("a", "c"), 10)), plan_of(Group(("a", "b"), 10_000))
    assert joint_map.shown_rows(small) == joint_map.shown_rows(small, 5) == [50, 10]
    assert joint_map.shown_rows(large) == [2500]  # 5,000 points of each space
    assert joint_map.shown_rows(large, 5) == [1500]  # 15,000 points of five spaces
    assert joint_map.shown_rows(plan_of(Group(("a",), 100_000), Group(("a", "b"), 3))) == [4999, 2]


def test_every_sentence_is_where_the_projection_puts_it() -> None:
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
    planes = np.concatenate(projection.held_umap(first, others, seed=7))
    for (space, g, c, n), point in zip(rows, planes, strict=True):
        np.testing.assert_array_equal(maps[g][asked.index(space), c, n], point)


@pytest.mark.parametrize("n_spaces", [2, 5])
def test_what_determines_a_map_holds_the_rows_it_shows(n_spaces: int) -> None:
    plan = plan_of(Group(("a", "b"), 10_000))
    found = joint_map.inputs(plan, n_spaces)
    assert (found["layer"], found["seed"], found["shown"]) == (1, 3, joint_map.shown_rows(plan, n_spaces))
