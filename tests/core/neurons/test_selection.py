"""Experts are chosen by score, then by index, among the neurons asked for; random ones stand where they should."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import SettingError
from core.neurons.neuron_map import NeuronMap, Site
from core.neurons.selection import Selection, check_layers, layers_of, random_by_layer, random_by_site, random_neurons

WIDTHS = {"up": 7, "down": 4}


def made(n_layers: int = 3) -> NeuronMap:
    """A map of two sites a layer."""
    sites, start = [], 0
    for layer in range(n_layers):
        for name, width in WIDTHS.items():
            sites.append(Site(layer, name, f"layers.{layer}.{name}", width, start))
            start += width
    return NeuronMap(tuple(sites))


def flat(n_neurons: int) -> NeuronMap:
    """One layer of one site."""
    return NeuronMap((Site(0, "up", "layers.0.up", n_neurons, 0),))


def top(scores: np.ndarray, k: int) -> np.ndarray:
    """The k best of a model of one site."""
    return Selection(k).choose(scores, flat(len(scores)))


MAP = made()
SCORES = st.lists(st.sampled_from([0.1, 0.5, 0.9, np.nan]), min_size=MAP.total, max_size=MAP.total)


@settings(deadline=None)
@given(
    SCORES,
    st.integers(1, 4),
    st.sampled_from(["model", "layer"]),
    st.sampled_from([None, "0", "1-2", "0,2"]),
    st.sampled_from([None, ("up",), ("down",), ("down", "up")]),
    st.sampled_from([None, 0.5]),
)
def test_the_choice_equals_a_plain_loop(
    scores: list[float],
    k: int,
    over: str,
    layers: str | None,
    sites: tuple[str, ...] | None,
    least: float | None,
) -> None:
    kept = {None: {0, 1, 2}, "0": {0}, "1-2": {1, 2}, "0,2": {0, 2}}[layers]
    candidates = [
        site.start + unit
        for site in MAP.sites
        for unit in range(site.width)
        if site.layer in kept and (sites is None or site.name in sites)
    ]
    best = sorted(candidates, key=lambda n: (np.isnan(scores[n]), -np.nan_to_num(scores[n]), n))
    if least is not None:
        best = [n for n in best if scores[n] >= least]
    expected, taken = [], {0: 0, 1: 0, 2: 0}
    for n in best:
        layer = n // sum(WIDTHS.values())
        if (taken[layer] if over == "layer" else len(expected)) < k:
            expected.append(n)
            taken[layer] += 1
    asked = Selection(k, over, layers, sites, least)
    if expected:
        found = asked.choose(np.array(scores), MAP)
        assert found.dtype == np.int64
        assert found.tolist() == expected
    else:
        with pytest.raises(SettingError, match=r"at least 0\.5"):
            asked.choose(np.array(scores), MAP)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (Selection(1, layers="3"), "0 to 2"),
        (Selection(1, layers="2-1"), "names no layers|0 to 2"),
        (Selection(1, layers="two"), "no layers|0 to 2"),
        (Selection(1, sites=("gate",)), "up, down"),
        (Selection(34), "33 neurons"),
        (Selection(12, over="layer"), "11 neurons"),
        (Selection(5, layers="1", sites=("down",)), "4 neurons"),
        (Selection(0), "at least one"),
    ],
)
def test_impossible_choices_are_refused_before_any_score(asked: Selection, says: str) -> None:
    with pytest.raises(SettingError) as caught:
        asked.candidates(MAP)
    assert re.search(says, caught.value.why)


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "5-2", "1;2", "²"])
def test_layers_that_no_model_has(text: str) -> None:
    with pytest.raises(SettingError):
        check_layers(text)


def test_ranges_of_layers_cost_nothing_until_the_model_is_known() -> None:
    check_layers(",".join(["0-999999"] * 20_000))  # counted out, twenty thousand million layers
    with pytest.raises(SettingError):
        Selection(1, layers=",".join(["0-999999"] * 20_000)).candidates(MAP)


def test_layers_of_neurons() -> None:
    assert layers_of(np.arange(MAP.total), MAP).tolist() == [0] * 11 + [1] * 11 + [2] * 11


@given(st.lists(st.integers(0, MAP.total - 1), min_size=1, max_size=20, unique=True), st.integers(0, 99))
def test_random_by_layer_keeps_the_histogram(experts: list[int], seed: int) -> None:
    chosen = np.array(experts)
    found = random_by_layer(chosen, MAP, seed)
    assert len(set(found.tolist())) == len(experts)
    np.testing.assert_array_equal(layers_of(found, MAP), layers_of(chosen, MAP))
    np.testing.assert_array_equal(found, random_by_layer(chosen, MAP, seed))


@given(st.lists(st.integers(0, MAP.total - 1), min_size=1, max_size=20, unique=True), st.integers(0, 99))
def test_random_by_site_draws_for_each_expert_in_its_site(experts: list[int], seed: int) -> None:
    site_of = {
        unit: number for number, site in enumerate(MAP.sites) for unit in range(site.start, site.start + site.width)
    }
    found = random_by_site(np.array(experts), MAP, seed)
    assert found.dtype == np.int64
    assert len(set(found.tolist())) == len(experts)
    assert [site_of[neuron] for neuron in found.tolist()] == [site_of[expert] for expert in experts]
    np.testing.assert_array_equal(found, random_by_site(np.array(experts), MAP, seed))


def test_random_by_site_draws_any_unit_of_the_site_and_anew_with_another_seed() -> None:
    experts = np.array([0, 5])  # of a site of seven units
    draws = [random_by_site(experts, MAP, seed).tolist() for seed in range(60)]
    for place in range(2):
        assert {draw[place] for draw in draws} == set(range(7))


def test_random_by_layer_draws_anew_with_another_seed() -> None:
    net = NeuronMap(tuple(Site(n, "up", f"{n}", 500, 500 * n) for n in range(3)))
    experts = np.arange(0, 1500, 10)
    draws = {random_by_layer(experts, net, seed).tobytes() for seed in range(4)}
    assert len(draws) == 4


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.1, 0.5, 0.9, 1.0]), min_size=1, max_size=40), st.data())
def test_top_is_by_score_then_by_index(scores: list[float], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(scores)))
    expected = sorted(range(len(scores)), key=lambda neuron: (-scores[neuron], neuron))[:k]
    found = top(np.array(scores), k)
    assert found.dtype == np.int64
    assert found.tolist() == expected


def test_top_never_prefers_a_missing_score() -> None:
    assert top(np.array([np.nan, 0.2, np.nan, 0.9]), 2).tolist() == [3, 1]


@pytest.mark.parametrize("choose", [lambda k: top(np.ones(1234), k), lambda k: random_neurons(1234, k, 0)])
@pytest.mark.parametrize("k", [0, -3, 1235])
def test_impossible_numbers_of_experts_are_refused(choose, k: int) -> None:
    with pytest.raises(SettingError) as caught:
        choose(k)
    assert f"{k:,} experts" in caught.value.what
    if k > 0:
        assert "1,234 neurons" in caught.value.why
        assert "1,234 or fewer" in caught.value.instead
    else:
        assert "at least one" in caught.value.why
        assert "1 or more" in caught.value.instead


@given(st.integers(1, 500), st.data(), st.integers(0, 1000))
def test_random_neurons_are_different_and_inside(n_neurons: int, data: st.DataObject, seed: int) -> None:
    k = data.draw(st.integers(1, n_neurons))
    found = random_neurons(n_neurons, k, seed)
    assert found.dtype == np.int64
    assert len(set(found.tolist())) == k
    assert found.min() >= 0
    assert found.max() < n_neurons
    np.testing.assert_array_equal(found, random_neurons(n_neurons, k, seed))


def test_random_neurons_depend_on_the_seed_and_cover_the_model() -> None:
    draws = [random_neurons(10_000, 200, seed) for seed in range(5)]
    assert len({tuple(draw) for draw in draws}) == 5
    everything = np.concatenate(draws)
    shares = np.histogram(everything, bins=4, range=(0, 10_000))[0] / len(everything)
    assert (abs(shares - 0.25) < 0.08).all()
