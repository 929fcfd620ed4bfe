"""What the experts of two languages share, against plain sets."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.neurons import overlap
from core.neurons.experts import Expertise
from core.neurons.neuron_map import NeuronMap, Site
from core.neurons.selection import Selection

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


def chosen(scores: np.ndarray, selection: Selection) -> set[int]:
    """The experts as an experiment chooses them."""
    return set(selection.choose(scores, NEURONS).tolist())


def ranked(scores: np.ndarray, selection: Selection) -> overlap.Ranking:
    languages = tuple(f"l{n}" for n in range(len(scores)))
    return overlap.ranking(Expertise(languages, scores, np.zeros(scores.shape, np.float32)), selection, NEURONS)


@settings(max_examples=60, deadline=None)
@given(
    scores=arrays(np.float64, st.tuples(st.integers(2, 4), st.just(NEURONS.total)), elements=SCORES),
    over=st.sampled_from(["model", "layer"]),
    limits=st.sampled_from([{}, {"layers": "1"}, {"sites": ("up",)}]),
)
def test_overlap_is_that_of_the_sets_that_are_chosen(scores: np.ndarray, over: str, limits: dict[str, object]) -> None:
    selection = Selection(1, over, **limits)  # type: ignore[arg-type]
    found = ranked(scores, selection)
    curve = found.curve().set_index("k")
    assert curve.index.tolist() == list(range(1, found.most + 1))
    for k in range(1, found.most + 1):
        if over == "layer" and k > min(found.sizes):
            # the selection takes what there is of a smaller layer; so does the ranking
            assert found.size(k) == sum(min(k, n) for n in found.sizes)
        sets = [chosen(row, replace(selection, k=k)) for row in scores]
        expected = [[len(one & other) for other in sets] for one in sets]
        assert found.shared(k).tolist() == expected
        shares = [len(one & other) / len(one) for one, other in combinations(sets, 2)]
        assert curve.loc[k, ["mean", "low", "high"]].tolist() == pytest.approx(
            [sum(shares) / len(shares), min(shares), max(shares)]
        )


def test_chance_is_what_sets_drawn_at_random_share() -> None:
    """Counted over all pairs of sets of a small model."""
    scores = np.zeros((2, NEURONS.total))
    curve = ranked(scores, Selection(1, sites=("down",))).curve().set_index("k")
    for k in (1, 2, 4, 6):
        draws = [set(drawn) for drawn in combinations(range(6), k)]
        expected = np.mean([len(one & other) / k for one in draws for other in draws])
        assert curve.loc[k, "chance"] == pytest.approx(expected) == pytest.approx(k / 6)
    by_layer = ranked(scores, Selection(1, "layer", sites=("up",))).curve().set_index("k")
    draws = [
        {*one, *(5 + n for n in other)} for one in combinations(range(5), 3) for other in combinations(range(4), 3)
    ]
    expected = np.mean([len(one & other) / 6 for one in draws for other in draws])
    assert by_layer.loc[3, "chance"] == pytest.approx(expected)
