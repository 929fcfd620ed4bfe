"""A write changes its neurons by the formula, nothing else, and for no longer than its pass."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from tokenizers import processors

from core.errors import ModelError, SettingError
from core.inference.batching import tokenise
from core.inference.forward import ForwardResult
from core.inference.hooks import PassState, first_tokens, hooked, leading, note_tokens
from core.models.loaded_model import LoadedModel
from core.neurons.interventions import TOKENS, Intervention
from tests.helpers.passes import TEXTS, close, hooks, pull, run, same_bits, set_value
from tests.helpers.tiny import FAMILIES, Plain, sentences


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
        with pytest.raises(ModelError) as caught:
            run(model, pull(model, 1.0))
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        trap.remove()
    else:
        outside = set_value(np.array([0, model.neurons.total]), np.zeros(2), 1.0)
        with pytest.raises(SettingError):
            run(model, outside)
    assert hooks(model) == clean
    same_bits(run(model), original)
    free = threading.Thread(target=lambda: model.lock.acquire() and model.lock.release(), daemon=True)
    free.start()
    free.join(60)
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


def written(model: LoadedModel, intervention: Intervention, **inputs: torch.Tensor) -> np.ndarray:
    """Which tokens of a call have a changed output at the written site: (n, width)."""
    site = next(model.neurons.by_site(intervention.neurons))[0]
    kept: list[torch.Tensor] = []
    module = model.base.get_submodule(site.path)
    for one in (None, intervention):
        with model.lock, torch.inference_mode(), hooked(model, {}, one):
            handle = module.register_forward_hook(lambda _m, _a, output: kept.append(output.clone()))
            model.base(**inputs)
            handle.remove()
    return (kept[0] != kept[1]).any(-1).numpy()


def test_which_tokens_are_written(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["llama"]
    first = model.tokenizer.bos_token_id
    ids = torch.tensor([[first, 40, 41, 42], [first, 50, 51, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    one = pull(model, 1.0, [3])
    found = {t: written(model, replace(one, tokens=t), input_ids=ids, attention_mask=mask).astype(int) for t in TOKENS}
    assert found["all"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 1]]
    assert found["no-bos"].tolist() == [[0, 1, 1, 1], [0, 1, 1, 1]]
    assert found["last"].tolist() == [[0, 0, 0, 1], [0, 0, 1, 0]]


def test_the_first_token_is_the_one_that_the_tokenizer_puts_first(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["llama"]
    assert first_tokens(model) == leading(model) == (1,)
    assert (first_tokens(tiny_models["gpt2"]), leading(tiny_models["gpt2"])) == ((1,), ())  # BOS, which is put nowhere
    tokenizer = copy.deepcopy(model.tokenizer)  # as XGLM's: a text begins with what ends one
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="</s> $A", special_tokens=[("</s>", 2)]
    )
    other = replace(model, tokenizer=tokenizer)
    ids = torch.tensor(tokenise(other, ["The dog"]).ids)
    note_tokens(passing := PassState(), "no-bos", first_tokens(other), model.base, (ids,), {})
    assert ids[0, 0] == 2
    assert passing.written is not None
    assert passing.written[0].tolist() == [False] + [True] * (ids.shape[1] - 1)


@pytest.mark.parametrize("family", ["llama", "gemma3", "gpt2", "bloom"])
@pytest.mark.parametrize("tokens", ["all", "no-bos"])
def test_a_cache_changes_nothing_in_what_is_written(
    family: str, tokens: str, tiny_models: Mapping[str, LoadedModel]
) -> None:
    """The last hidden state of a text is the same whether it passes at once or token by token under a cache."""
    model = tiny_models[family]
    one = replace(pull(model, 0.7), tokens=tokens)
    ids = tokenise(model, [sentences("en", 1)[0]]).ids[0]
    with model.lock, torch.inference_mode(), hooked(model, {}, one):
        whole = model.base(input_ids=torch.tensor([ids])).last_hidden_state[0]
        past, steps = None, []
        for n, token in enumerate(ids):
            mask = torch.ones((1, n + 1), dtype=torch.long)
            output = model.base(
                input_ids=torch.tensor([[token]]), attention_mask=mask, past_key_values=past, use_cache=True
            )
            past = output.past_key_values
            steps.append(output.last_hidden_state[0, 0])
    torch.testing.assert_close(torch.stack(steps), whole, rtol=1e-4, atol=1e-5)
