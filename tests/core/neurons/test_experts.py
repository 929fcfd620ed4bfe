"""Where experts are, and how they score among all neurons, against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from core.neurons import experts
from core.neurons.neuron_map import NeuronMap, Site

# Few values, so that ties abound; NaN, as a score that is not defined.
SCORES = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, math.nan])
NEURONS = NeuronMap(
    (
        Site(0, "up", "layers.0.up", 5, 0),
        Site(0, "down", "layers.0.down", 3, 5),
        Site(1, "up", "layers.1.up", 4, 8),
        Site(1, "down", "layers.1.down", 3, 12),
    )
)


def test_experts_are_counted_at_every_site() -> None:
    chosen_ones = np.array([14, 0, 6, 12, 4])
    found = experts.by_site(NEURONS, chosen_ones)
    expected = pd.DataFrame(
        {
            "layer": [0, 0, 1, 1],
            "site": ["up", "down", "up", "down"],
            "experts": [2, 1, 0, 2],
            "width": [5, 3, 4, 3],
            "share": [2 / 5, 1 / 3, 0, 2 / 3],
        }
    )
    pd.testing.assert_frame_equal(found, expected)


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(st.one_of(SCORES, st.floats(-2, 3, width=32)), min_size=2, max_size=40),
    bins=st.integers(1, 7),
    data=st.data(),
)
def test_every_finite_score_is_in_the_bin_that_holds_it(scores: list[float], bins: int, data: st.DataObject) -> None:
    best = data.draw(st.sets(st.integers(0, len(scores) - 1), min_size=1))
    found = experts.histogram(np.array(scores), np.array(sorted(best)), bins)
    assert len(found) == bins
    for column, members in (("neurons", range(len(scores))), ("experts", best)):
        counts = [0] * bins
        for member in members:
            if math.isfinite(scores[member]):
                holds = [
                    n
                    for n, row in enumerate(found.itertuples())
                    if row.low <= scores[member] < row.high or (n == bins - 1 and scores[member] == row.high)
                ]
                assert len(holds) == 1
                counts[holds[0]] += 1
        assert found[column].tolist() == counts
