"""Learned maps: the loss against an optimal assignment, gradients against differences, the known optimum."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from sklearn.linear_model import LinearRegression
from torch import nn

from core.errors import ModelError
from core.inference import learned_map
from core.inference.batching import tokenise
from core.inference.forward import forward
from core.inference.learned_map import distance, learn
from core.models.loaded_model import LoadedModel
from core.neurons.interventions import TOKENS, Intervention
from core.neurons.methods import METHODS, Learning
from tests.helpers.passes import TEXTS, close, hooks
from tests.helpers.tiny import FAMILIES


def some(model: LoadedModel) -> np.ndarray:
    """A few units of every site, in no order."""
    units = np.array([site.start + unit for site in model.neurons.sites for unit in (0, 5)])
    return np.random.default_rng(3).permutation(units)


def responses(model: LoadedModel, neurons: np.ndarray, built: Intervention | None, pooling: str) -> np.ndarray:
    """What the product reads under an intervention: (n, k)."""
    found = forward(model, tokenise(model, TEXTS), responses=True, intervention=built, pooling=pooling).responses
    assert found is not None
    return np.concatenate([found[site.path] for site in model.neurons.sites])[neurons].T.astype(np.float64)


def test_distance_is_that_of_the_best_assignment_and_its_slopes_are_differences() -> None:
    random = np.random.default_rng(0)
    values, quantiles = random.normal(size=(7, 3)), np.sort(random.normal(1, 2, size=(7, 3)), axis=0)
    spread = np.array([1.0, 0.5, 3.0])
    found, slopes = distance(values, quantiles, spread)
    for unit in range(3):
        costs = (values[:, unit, None] - quantiles[None, :, unit]) ** 2 / spread[unit] ** 2
        assert np.isclose(found[unit], costs[linear_sum_assignment(costs)].mean())
        for row in range(7):
            step = np.zeros_like(values)
            step[row, unit] = 1e-6
            higher, lower = (distance(values + sign * step, quantiles, spread)[0][unit] for sign in (1, -1))
            assert np.isclose(slopes[row, unit], (higher - lower) / 2e-6, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("tokens", "pooling"), [("all", "mean"), ("last", "mean"), ("no-bos", "max")])
def test_gradients_are_what_the_products_own_write_does(
    family: str, tokens: str, pooling: str, tiny_models: Mapping[str, LoadedModel]
) -> None:
    assert tokens in TOKENS
    model = tiny_models[family]
    neurons, random = some(model), np.random.default_rng(1)
    passer = learned_map._GradientPass(
        model, tokenise(model, TEXTS), neurons, model.neurons, pooling, tokens, lambda _: None
    )
    factor, offset = random.uniform(0.5, 1.5, len(neurons)), random.normal(0, 0.3, len(neurons))
    weights = random.normal(size=(len(TEXTS), len(neurons)))

    def value(step: float) -> float:
        scale, shift = (array.astype(np.float32) for array in (factor + step * along[0], offset + step * along[1]))
        return float((weights * responses(model, neurons, Intervention(neurons, scale, shift, tokens), pooling)).sum())

    values, (by_factor, by_offset) = passer.differentiated(factor, offset, lambda _: weights)
    built = Intervention(neurons, factor.astype(np.float32), offset.astype(np.float32), tokens)
    close(values, responses(model, neurons, built, pooling))
    along = random.normal(size=(2, len(neurons)))
    found = float(by_factor @ along[0] + by_offset @ along[1])
    size = float(np.linalg.norm([by_factor, by_offset]) * np.linalg.norm(along))
    assert abs(found - (value(2e-3) - value(-2e-3)) / 4e-3) < 0.01 * size


def test_units_of_the_last_map_alone_come_to_linear_act(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["llama"]
    neurons = model.neurons.sites[-1].start + np.array([4, 1, 9])
    source = responses(model, neurons, None, "mean")
    target = np.random.default_rng(5).normal([1, -2, 0.1], [2, 0.3, 0.1], size=(len(TEXTS), 3))
    learned = learn(model, tokenise(model, TEXTS), neurons, target.T, learning=Learning(steps=150, penalty=0.0))
    for unit in range(3):
        x, y = np.sort(source[:, unit])[:, None], np.sort(target[:, unit])
        wanted = LinearRegression().fit(x, y).predict(x)
        np.testing.assert_allclose(learned.factor[unit] * x[:, 0] + learned.offset[unit], wanted, atol=0.02 * np.ptp(y))
    assert learned.after < 0.3 * learned.before


def test_learning_lowers_the_distance_the_same_way_every_time(
    tiny_models: Mapping[str, LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_models["gemma3"]
    neurons, tokens = some(model), tokenise(model, TEXTS)
    target = responses(model, neurons, None, "mean").T * 2 + 1
    told: list[int] = []
    first = learn(model, tokens, neurons, target, learning=Learning(steps=8), advance=told.append)
    again = learn(model, tokens, neurons, target, learning=Learning(steps=8))
    assert (first.factor.tobytes(), first.offset.tobytes()) == (again.factor.tobytes(), again.offset.tobytes())
    assert first.after < 0.5 * first.before
    assert sum(told) == learned_map.passes(tokens.n_tokens, Learning(steps=8))
    monkeypatch.setattr(learned_map, "_TOKENS_HELD", 0)  # as of more sentences than the memory holds
    told.clear()
    twice = learn(model, tokens, neurons, target, learning=Learning(steps=8), advance=told.append)
    np.testing.assert_allclose(twice.offset, first.offset, rtol=1e-3, atol=1e-3)
    assert sum(told) == learned_map.passes(tokens.n_tokens, Learning(steps=8))


def test_a_higher_penalty_leaves_more_units_as_they_are(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["gemma3"]
    neurons, tokens = some(model), tokenise(model, TEXTS)
    target = responses(model, neurons, None, "mean").T * 2 + 1
    changed = []
    for penalty in (0.0, 0.6, 1.2, 2.4, 1e6):
        found = learn(model, tokens, neurons, target, learning=Learning(steps=30, penalty=penalty))
        moved = (found.factor != 1) | (found.offset != 0)
        assert (found.after < found.before) == moved.any()
        changed.append(int(moved.sum()))
    assert changed == sorted(changed, reverse=True)
    assert len(neurons) == changed[0] > changed[2] > changed[-1] == 0


def test_a_stop_leaves_no_hook_and_no_gradient(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["llama"]
    clean, count = hooks(model), [0]

    def stop(_: int) -> None:
        count[0] += 1
        if count[0] == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(model, tokenise(model, TEXTS), some(model), np.ones((len(some(model)), 4)), advance=stop)
    assert hooks(model) == clean
    assert all(parameter.grad is None for parameter in model.lm.parameters())


def test_packed_weights_are_refused(fresh: Callable[..., LoadedModel]) -> None:
    def pack(base: nn.Module) -> None:
        base.config.quantization_config = {"quant_method": "gptq"}

    model = fresh("llama", spoil=pack)
    with pytest.raises(ModelError, match=r"packed.*gradients.*linear-act"):
        learn(model, tokenise(model, TEXTS), np.arange(3), np.ones((3, 4)))


def test_the_table_says_what_it_costs() -> None:
    assert f"{Learning().steps} passes forward and back" in METHODS["lineas"].about
    assert f"{Learning().sentences} probe sentences" in METHODS["lineas"].about
