"""A write changes its neurons by the formula, nothing else, and for no longer than its pass."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SettingError
from core.inference.forward import ForwardResult
from core.inference.hooks import hooked
from core.models.load import LoadedModel
from core.neurons.interventions import Intervention
from tests.helpers.passes import TEXTS, close, hooks, pull, run, same_bits, set_value
from tests.helpers.tiny import FAMILIES, Plain

# -- in a pass ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("strength", [0.5, 1.0, 1.7])
def test_an_intervened_pass_equals_a_plain_loop(
    family: str, strength: float, tiny_models: Mapping[str, LoadedModel], plain_models: Mapping[str, Plain]
) -> None:
    model, plain = tiny_models[family], plain_models[family]
    values = {site.path: (0.5 * number - 2, 1 - 0.3 * number) for number, site in enumerate(model.neurons.sites)}

    def change(path: str) -> Callable[[torch.Tensor], torch.Tensor]:
        def changed(z: torch.Tensor) -> torch.Tensor:
            z = z.clone()
            for unit, value in zip((0, 5), values[path], strict=True):
                z[..., unit] = (1 - strength) * z[..., unit] + strength * value
            return z

        return changed

    neurons = [site.start + unit for site in model.neurons.sites for unit in (0, 5)]
    found = run(model, set_value(np.array(neurons), np.ravel(list(values.values())), strength))
    with plain.holding({path: change(path) for path in values}):
        embeddings = plain.embeddings(TEXTS, FAMILIES[family].stack)
        responses = plain.responses(TEXTS, FAMILIES[family].paths, "mean")
    assert found.embeddings is not None
    assert found.responses is not None
    close(found.embeddings, embeddings)
    for path, pooled in found.responses.items():
        close(pooled, responses[path])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("strength", [0.5, 1.0, 1.7])
def test_a_write_changes_its_neuron_and_nothing_else(
    family: str, strength: float, tiny_models: Mapping[str, LoadedModel]
) -> None:
    model = tiny_models[family]
    target = model.neurons.sites[-2]
    neurons = np.array([target.start + 3, model.neurons.sites[0].start + 7])
    values = np.array([0.75, -1.25])
    before: dict[str, torch.Tensor] = {}
    after: dict[str, torch.Tensor] = {}

    def keep(where: dict[str, torch.Tensor], path: str) -> Callable[..., None]:
        return lambda _m, _a, output: where.__setitem__(path, output.clone())

    modules = {site.path: model.base.get_submodule(site.path) for site in model.neurons.sites}
    with model.lock, torch.inference_mode():
        handles = [m.register_forward_hook(keep(before, path)) for path, m in modules.items()]
        with hooked(model, {}, set_value(neurons, values, strength)):
            handles += [m.register_forward_hook(keep(after, path)) for path, m in modules.items()]
            model.base(input_ids=torch.tensor([[1, 40, 41, 42], [1, 50, 51, 52]]))
        for handle in handles:
            handle.remove()
    written = {target.path: (3, values[0]), model.neurons.sites[0].path: (7, values[1])}
    for path, output in after.items():
        expected = before[path].numpy().astype(np.float64)
        if path in written:
            unit, value = written[path]
            expected[..., unit] = (1 - strength) * expected[..., unit] + strength * value
            np.testing.assert_allclose(output[..., unit], expected[..., unit], rtol=1e-6, atol=1e-6)
            others = np.delete(np.arange(output.shape[-1]), unit)
            assert torch.equal(output[..., others], before[path][..., others])
        else:
            assert torch.equal(output, before[path])


@pytest.mark.parametrize("family", FAMILIES)
def test_strength_1_holds_the_response_at_the_value(family: str, tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models[family]
    asked = pull(model, 1.0)
    for pooling in ("mean", "max"):
        responses = run(model, asked, pooling=pooling).responses
        assert responses is not None
        flat = np.concatenate([responses[site.path] for site in model.neurons.sites])
        held = np.broadcast_to(asked.shift[:, None], (len(asked.neurons), len(TEXTS)))
        np.testing.assert_allclose(flat[asked.neurons], held, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_strength_0_is_the_model_itself(family: str, tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models[family]
    original = run(model)
    clean = hooks(model)
    during: list[dict[str, list[int]]] = []
    nothing = run(model, pull(model, 0.0), responses=False, advance=lambda _: during.append(hooks(model)))
    assert during
    assert all(seen == clean for seen in during)
    assert nothing.embeddings is not None
    assert original.embeddings is not None
    assert nothing.embeddings.tobytes() == original.embeddings.tobytes()
    same_bits(run(model, pull(model, 0.0)), original)


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_of_an_intervention_stays(family: str, tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models[family]
    original, clean = run(model), hooks(model)
    during: list[bool] = []
    changed = run(model, pull(model, 1.3), advance=lambda _: during.append(hooks(model) != clean))
    assert all(during)
    assert not np.allclose(changed.embeddings, original.embeddings)
    assert hooks(model) == clean
    same_bits(run(model), original)


@pytest.mark.parametrize("where", ["progress", "inside the model", "while attaching"])
def test_an_exception_leaves_the_model_clean(where: str, tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["llama"]
    original, clean = run(model), hooks(model)

    def stop(*_: object) -> None:
        raise ZeroDivisionError

    if where == "progress":
        with pytest.raises(ZeroDivisionError):
            run(model, pull(model, 1.0), advance=stop)
    elif where == "inside the model":
        trap = model.base.layers[1].register_forward_pre_hook(stop)
        with pytest.raises(ZeroDivisionError):
            run(model, pull(model, 1.0))
        trap.remove()
    else:
        outside = set_value(np.array([0, model.neurons.total]), np.zeros(2), 1.0)
        with pytest.raises(SettingError):
            run(model, outside)
    assert hooks(model) == clean
    same_bits(run(model), original)
    free = threading.Thread(target=lambda: model.lock.acquire() and model.lock.release(), daemon=True)
    free.start()
    free.join(5)
    assert not free.is_alive()


def test_threads_with_different_interventions_do_not_mix(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["gemma3"]
    asked = [None, pull(model, 1.0), pull(model, 0.5, [1, 2, 3]), pull(model, 1.7, [40])]
    expected = [run(model, one) for one in asked]
    found: dict[tuple[int, int], ForwardResult] = {}
    start = threading.Barrier(len(asked))

    def work(number: int) -> None:
        start.wait()
        for turn in range(3):
            found[number, turn] = run(model, asked[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 * len(asked)
    for (number, _), result in found.items():
        same_bits(result, expected[number])


# -- the affine rewrite ------------------------------------------------------------------------------------------------

numbers = st.floats(-1e6, 1e6, width=32)


@given(st.lists(numbers, min_size=1, max_size=5), numbers, st.floats(-3, 3))
def test_set_value_is_the_formula(values: list[float], z: float, strength: float) -> None:
    asked = set_value(np.arange(len(values)), np.array(values), strength)
    expected = (1 - strength) * z + strength * np.array(values)
    scale = 1 + abs(z) + np.abs(values).max()
    np.testing.assert_allclose(asked.scale.astype(float) * z + asked.shift, expected, atol=1e-6 * scale)


def test_only_strength_0_is_the_identity() -> None:
    neurons, values = np.array([4, 2]), np.array([0.5, -1.0])
    assert set_value(neurons, values, 0.0).is_identity
    assert set_value(neurons, values, -0.0).is_identity
    for strength in (1e-3, 0.5, 1.0, -1.0, 2.0):
        assert not set_value(neurons, values, strength).is_identity


def test_the_digest_tells_interventions_apart() -> None:
    def digest(neurons: list[int], values: list[float], strength: float) -> str:
        return set_value(np.array(neurons), np.array(values), strength).digest

    first = digest([1, 2], [0.5, 1.5], 1.0)
    assert first == digest([1, 2], [0.5, 1.5], 1.0)
    others = [digest([1, 3], [0.5, 1.5], 1.0), digest([1, 2], [0.5, 1.6], 1.0), digest([1, 2], [0.5, 1.5], 0.9)]
    assert len({first, *others}) == 4


@pytest.mark.parametrize("strength", [float("nan"), float("inf"), -float("inf"), 1e39])
def test_a_strength_that_is_no_number_is_refused(strength: float) -> None:
    with pytest.raises(SettingError) as caught:
        set_value(np.array([1]), np.array([1.0]), strength)
    assert str(strength) in caught.value.what
    assert caught.value.why
    assert caught.value.instead


@pytest.mark.parametrize(
    ("neurons", "scale", "shift"),
    [([1, 1], [1, 1], [0, 0]), ([1, 2], [1], [0, 0]), ([1], [np.nan], [0]), ([1], [1], [np.inf])],
    ids=["twice", "shapes", "nan", "infinite"],
)
def test_an_impossible_intervention_is_refused(neurons: list[int], scale: list[float], shift: list[float]) -> None:
    with pytest.raises(ValueError):
        Intervention(np.array(neurons), np.array(scale, dtype=np.float32), np.array(shift, dtype=np.float32))
