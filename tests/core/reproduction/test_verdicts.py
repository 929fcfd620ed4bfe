"""What held, and what did not."""

from __future__ import annotations

import pytest

from core.reproduction.verdicts import HELD, NOT, PARTLY, graded, verdicts
from tests.helpers.reproduction import distance_rows


def test_grades() -> None:
    assert (graded(5, 5), graded(1, 5), graded(0, 5)) == (HELD, PARTLY, NOT)


@pytest.mark.parametrize(("post", "state"), [(0.2, HELD), (0.9, PARTLY)])
def test_a_verdict_follows_its_figures(post: float, state: str) -> None:
    (said,) = verdicts({"distances": distance_rows(post)})
    assert said.state == state
    assert f"all pairs 0.80 -> {post:.2f}" in said.text
