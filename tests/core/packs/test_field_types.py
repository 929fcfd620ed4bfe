"""Values are held against annotations: what fits is what code that goes by them can use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from core.packs.field_types import fits, misfits, returned


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        (Any, [None, 1], []),
        (str | None, ["a", None], [1, b"a", ["a"]]),
        (int, [1], [True, 1.0, "1", None]),
        (float, [1, 1.5, float("nan")], [True, "1", None]),
        (bool, [True], [1, None]),
        (tuple[str, ...], [(), ("a",)], [["a"], ("a", 1), "a", None]),
        (tuple[int, str], [(1, "a")], [(1,), (1, "a", "b"), ("a", 1)]),
        (list[np.ndarray], [[], [np.zeros(1)]], [[1], (np.zeros(1),)]),
        (Mapping[str, tuple[int, ...]], [{}, {"a": (1,)}], [{1: (1,)}, {"a": [1]}, [("a", (1,))]]),
    ],
)
def test_what_fits_an_annotation(annotation: Any, good: list[object], bad: list[object]) -> None:
    assert all(fits(value, annotation) for value in good)
    assert not any(fits(value, annotation) for value in bad)


@dataclass
class Held:
    count: int
    name: str | None = None


def test_fields_that_are_something_else_are_named() -> None:
    assert misfits(Held, {"count": 1}) == []
    assert misfits(Held, {"count": "1", "name": 2}) == ["count", "name"]


def test_what_a_function_returns_is_its_annotation() -> None:
    def counts() -> int:
        return 1

    assert returned(counts) is int
    assert returned(lambda: 1) is Any
