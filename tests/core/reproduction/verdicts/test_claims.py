"""The paper's claims: what held, and what did not."""

from __future__ import annotations

import pandas as pd
import pytest

from core.reproduction.verdicts import HELD, PARTLY, verdicts
from tests.helpers.reproduction import distance_rows


@pytest.mark.parametrize(("post", "state"), [(0.2, HELD), (0.9, PARTLY)])
def test_a_verdict_follows_its_figures(post: float, state: str) -> None:
    (said,) = verdicts({"distances": distance_rows(post)})
    assert said.state == state
    assert f"all pairs 0.80 -> {post:.2f}" in said.text


def test_pairs_with_english_are_adjusted_together() -> None:
    rows = [
        {"target": target, "query": target, "candidate": "en", "metric": "cosine", "layer": 2}
        | {"space": space, "top1": 0.5 + 0.1 * (space == "post"), "p": p if space == "post" else None}
        for target, p in (("es", 0.001), ("ja", 0.04), ("de", 0.03))
        for space in ("pre", "post")
    ]
    (said,) = verdicts({"tatoeba": pd.DataFrame(rows)})
    assert "1 of 3 rise significantly" in said.text
    assert said.state == PARTLY
