"""Rounds: every row once, in an order that is the same for all."""

from __future__ import annotations

import numpy as np
import pytest

from core.pipeline.incremental import rounds


@pytest.mark.parametrize("n", [1, 2, 4, 5, 12, 13, 200, 1012])
def test_every_row_is_in_one_round(n: int) -> None:
    found = rounds(n)
    assert sorted(np.concatenate(found)) == list(range(n))
    sizes = [len(rows) for rows in found]
    assert sizes[:-1] == [4, 8, 16, 32, 64, 128, 128, 128, 128, 128, 128, 128][: len(sizes) - 1]
    assert all(np.array_equal(a, b) for a, b in zip(found, rounds(n), strict=True))


def test_rows_are_drawn_at_random() -> None:
    first = np.concatenate(rounds(1012)[:5])
    assert abs(first.mean() - 505.5) < 3 * 1012 / np.sqrt(12 * len(first))
    assert list(first) != sorted(first)
