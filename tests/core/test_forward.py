"""The batched pass gives what a plain loop gives, one sentence at a time, and leaves the model as it was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import forward as forward_module
from core.errors import CorpusError, ModelError, SettingError
from core.forward import ForwardResult, forward, hooked, plan_batches, tokenise
from core.interventions import Intervention, set_value
from core.models import LoadedModel, ModelSpec, load, resolve
from core.store import Store
from tests.core.tiny import FAMILIES, HIDDEN, LANGUAGES, N_LAYERS, Plain, save_tiny, sentences

TEXTS = [text for code in LANGUAGES for text in sentences(code, 4)]


def close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def same_bits(one: ForwardResult, other: ForwardResult) -> None:
    assert (one.responses is None, one.embeddings is None) == (other.responses is None, other.embeddings is None)
    if one.embeddings is not None and other.embeddings is not None:
        assert one.embeddings.tobytes() == other.embeddings.tobytes()
    for path in one.responses or {}:
        assert one.responses is not None
        assert other.responses is not None
        assert one.responses[path].tobytes() == other.responses[path].tobytes()


def run(model: LoadedModel, intervention: Intervention | None = None, **settings: object) -> ForwardResult:
    settings = {"responses": True, "embeddings": True} | settings
    return forward(model, tokenise(model, TEXTS), intervention=intervention, **settings)  # type: ignore[arg-type]


def hooks(model: LoadedModel) -> dict[str, list[int]]:
    """All hooks of all modules, by identity (transformers itself may leave some, for hidden states)."""
    return {
        path: [id(hook) for held in (m._forward_hooks, m._forward_pre_hooks) for hook in held.values()]
        for path, m in model.lm.named_modules()
    }


def pull(model: LoadedModel, strength: float, neurons: list[int] | None = None) -> Intervention:
    """Set-mean on a few neurons of every site."""
    chosen = np.array(neurons or [site.start + unit for site in model.neurons.sites for unit in (0, 5)])
    return set_value(chosen, np.linspace(-2, 3, len(chosen)), strength)


@pytest.fixture
def fresh(tmp_path: Path, store: Store) -> Callable[..., LoadedModel]:
    """Make a tiny model that a test may spoil."""

    def make(
        family: str, dtype: str = "float32", spoil: Callable[[torch.nn.Module], None] | None = None
    ) -> LoadedModel:
        folder = save_tiny(tmp_path / f"{family}-{dtype}", family)
        model = load(resolve(ModelSpec(str(folder), dtype=dtype, device="cpu")), store)
        if spoil:
            spoil(model.base)
        return model

    return make


# -- equal to the plain loop -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["mean", "max"])
@pytest.mark.parametrize("family", FAMILIES)
def test_responses_equal_a_plain_loop(
    family: str, pooling: str, tiny_models: Mapping[str, LoadedModel], plain_models: Mapping[str, Plain]
) -> None:
    found = run(tiny_models[family], pooling=pooling).responses
    expected = plain_models[family].responses(TEXTS, FAMILIES[family].paths, pooling)
    assert found is not None
    assert list(found) == list(expected)
    for path, values in found.items():
        assert values.dtype == np.float32
        assert values.shape == expected[path].shape
        close(values, expected[path])


@pytest.mark.parametrize("family", FAMILIES)
def test_embeddings_equal_a_plain_loop(
    family: str, tiny_models: Mapping[str, LoadedModel], plain_models: Mapping[str, Plain]
) -> None:
    found = run(tiny_models[family], responses=False).embeddings
    expected = plain_models[family].embeddings(TEXTS, FAMILIES[family].stack)
    assert found is not None
    assert found.shape == (N_LAYERS + 1, len(TEXTS), HIDDEN)
    assert found.dtype == np.float32
    for layer in range(N_LAYERS + 1):
        close(found[layer], expected[layer])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("strength", [0.5, 1.0, 1.7])
def test_an_intervened_pass_equals_a_plain_loop(
    family: str, strength: float, tiny_models: Mapping[str, LoadedModel], plain_models: Mapping[str, Plain]
) -> None:
    model, plain = tiny_models[family], plain_models[family]
    asked = pull(model, strength)
    found = run(model, asked)
    changes = {}
    for number, site in enumerate(model.neurons.sites):

        def change(
            z: torch.Tensor, values: np.ndarray = np.linspace(-2, 3, len(asked.neurons))[[2 * number, 2 * number + 1]]
        ):
            z = z.clone()
            for unit, value in zip((0, 5), values, strict=True):
                z[..., unit] = (1 - strength) * z[..., unit] + strength * value
            return z

        changes[site.path] = change
    with plain.holding(changes):
        expected = plain.embeddings(TEXTS, FAMILIES[family].stack)
        read_after = plain.responses(TEXTS, FAMILIES[family].paths, "mean")
    assert found.embeddings is not None
    assert found.responses is not None
    close(found.embeddings, expected)
    for path, values in found.responses.items():
        close(values, read_after[path])


@pytest.mark.parametrize("family", FAMILIES)
def test_batching_does_not_matter(
    family: str, tiny_models: Mapping[str, LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for budget in (1, 50, 100_000):
        monkeypatch.setitem(forward_module.TOKENS_A_BATCH, "cpu", budget)
        batches = len(plan_batches([len(ids) for ids in tokenise(tiny_models[family], TEXTS).ids], budget))
        results.append((batches, run(tiny_models[family])))
    assert results[0][0] == len(TEXTS) > results[1][0] > results[2][0]
    alone = results[0][1]
    assert alone.responses is not None
    for _, other in results[1:]:
        close(other.embeddings, alone.embeddings)
        for path in alone.responses:
            close(other.responses[path], alone.responses[path])


@pytest.mark.parametrize("family", FAMILIES)
def test_twice_gives_the_same_bits(family: str, tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models[family]
    same_bits(run(model), run(model))
    same_bits(run(model, pull(model, 0.7)), run(model, pull(model, 0.7)))


def test_only_what_is_asked_for_is_given(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["llama"]
    assert run(model, embeddings=False).embeddings is None
    assert run(model, responses=False).responses is None
    with pytest.raises(ValueError, match="pooling"):
        run(model, pooling="median")


def test_progress_counts_every_token(tiny_models: Mapping[str, LoadedModel], plain_models: Mapping[str, Plain]) -> None:
    counted: list[int] = []
    run(tiny_models["llama"], advance=counted.append)
    assert sum(counted) == sum(plain_models["llama"].ids(text).numel() for text in TEXTS)


# -- writing ---------------------------------------------------------------------------------------------------------


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


# -- what cannot be read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_module_that_is_not_finite_is_named(bad: float, fresh: Callable[..., LoadedModel]) -> None:
    model = fresh("llama", spoil=lambda base: base.layers[1].mlp.up_proj.weight.data.fill_(bad))
    with pytest.raises(ModelError) as caught:
        run(model)
    assert "layers.1.mlp.up_proj" in caught.value.what
    assert "not finite" in caught.value.why
    with pytest.raises(ModelError) as caught:
        run(model, responses=False)
    assert "layer 2" in caught.value.what
    assert "not finite" in caught.value.why


def test_a_module_that_returns_a_tuple_is_refused(fresh: Callable[..., LoadedModel]) -> None:
    class Pair(torch.nn.Linear):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, None]:  # type: ignore[override]
            return super().forward(x), None

    def spoil(base: torch.nn.Module) -> None:
        pair = Pair(HIDDEN, 4 * HIDDEN).requires_grad_(False)
        base.h[0].mlp.dense_h_to_4h = pair
        base.h[0].mlp.gelu_impl.register_forward_pre_hook(lambda _m, args: (args[0][0],))

    model = fresh("bloom", spoil=spoil)
    for kwargs in ({"responses": True}, {"responses": False, "intervention": pull(model, 1.0)}):
        with pytest.raises(ModelError) as caught:
            run(model, **kwargs)
        assert "h.0.mlp.dense_h_to_4h" in caught.value.what
        assert "tuple" in caught.value.why


def test_a_module_that_is_never_called_is_refused(fresh: Callable[..., LoadedModel]) -> None:
    def bypass(base: torch.nn.Module) -> None:  # as BLOOM does under slow_but_exact: the weights, not the module
        base.h[1].mlp.pretraining_tp, base.h[1].mlp.slow_but_exact = 2, True

    model = fresh("bloom", spoil=bypass)
    with pytest.raises(ModelError) as caught:
        run(model)
    assert "h.1.mlp.dense_4h_to_h" in caught.value.what
    site = next(site for site in model.neurons.sites if site.path == "h.1.mlp.dense_4h_to_h")
    with pytest.raises(ModelError) as caught:
        run(model, pull(model, 1.0, [site.start]), responses=False)
    assert site.path in caught.value.what


def test_a_module_that_sees_some_of_the_tokens_is_refused(fresh: Callable[..., LoadedModel]) -> None:
    def spoil(base: torch.nn.Module) -> None:
        mlp = base.layers[0].mlp  # the first token alone passes, as tokens routed to an expert do
        mlp.register_forward_pre_hook(lambda _m, args: (args[0][:, :1],))
        mlp.register_forward_hook(lambda _m, _a, output: output.expand(-1, 10, -1))

    model = fresh("llama", spoil=spoil)
    tokens = tokenise(model, ["The dog sleeps."])
    assert tokens.n_tokens == 10
    with pytest.raises(ModelError) as caught:
        forward(model, tokens, responses=True)
    assert "layers.0.mlp.gate_proj" in caught.value.what
    assert "1 of 10 tokens" in caught.value.why
    assert "dense" in caught.value.instead


# -- precision -------------------------------------------------------------------------------------------------------


def test_a_16_bit_model_keeps_its_responses_in_16_bits(
    fresh: Callable[..., LoadedModel], tiny_models: Mapping[str, LoadedModel]
) -> None:
    narrow, wide = run(fresh("llama", "bfloat16")), run(tiny_models["llama"])
    assert narrow.responses is not None
    assert wide.responses is not None
    for path, values in narrow.responses.items():
        assert values.dtype == np.float16
        scale = np.abs(wide.responses[path]).max()
        np.testing.assert_allclose(values, wide.responses[path], atol=0.05 * scale)
    assert narrow.embeddings is not None
    assert narrow.embeddings.dtype == np.float32


def test_values_beyond_16_bits_are_kept_in_32(
    fresh: Callable[..., LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    def enlarge(base: torch.nn.Module) -> None:
        base.layers[1].mlp.up_proj.weight.data.mul_(1e5)
        base.layers[1].mlp.down_proj.weight.data.div_(1e5)

    monkeypatch.setitem(forward_module.TOKENS_A_BATCH, "cpu", 60)  # several batches, all but the first after the switch
    usual, large = run(fresh("llama", "bfloat16")).responses, run(fresh("llama", "bfloat16", enlarge)).responses
    assert usual is not None
    assert large is not None
    assert {path for path, values in large.items() if values.dtype == np.float32} == {"layers.1.mlp.up_proj"}
    grown = large["layers.1.mlp.up_proj"]
    assert np.isfinite(grown).all()
    assert np.abs(grown).max() > np.finfo(np.float16).max
    expected = usual["layers.1.mlp.up_proj"].astype(np.float64) * 1e5
    np.testing.assert_allclose(grown, expected, atol=0.05 * np.abs(expected).max())


# -- tokens ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_are_the_tokenizers_and_bos_does_not_count(
    family: str, tiny_models: Mapping[str, LoadedModel], plain_models: Mapping[str, Plain]
) -> None:
    tokens = tokenise(tiny_models[family], TEXTS)
    assert [list(ids) for ids in tokens.ids] == [plain_models[family].ids(text)[0].tolist() for text in TEXTS]
    for ids, counted in zip(tokens.ids, tokens.counted, strict=True):
        assert list(counted) == [token != 1 for token in ids]  # 1 is BOS
        assert (ids[0] == 1) == FAMILIES[family].bos
    assert tokens.n_tokens == sum(map(len, tokens.ids))
    assert tokens.cut == 0


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_long_sentences_are_cut_and_counted(family: str, tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models[family]
    bos = FAMILIES[family].bos
    # a letter before a space is one token of its own
    fits, long = "\n" * (64 - bos), "\n" * (65 - bos)
    tokens = tokenise(model, ["short", fits, long, long * 3])
    assert tokens.cut == 2
    assert [len(ids) for ids in tokens.ids[1:]] == [64, 64, 64]
    assert forward(model, tokens, embeddings=True).embeddings is not None


def test_a_sentence_without_tokens_is_refused(tiny_models: Mapping[str, LoadedModel]) -> None:
    for family in ("llama", "gpt2"):
        with pytest.raises(CorpusError) as caught:
            tokenise(tiny_models[family], ["fine", ""])
        assert "sentence 2" in caught.value.what
        assert "no token" in caught.value.why
        assert caught.value.instead


# -- batches ---------------------------------------------------------------------------------------------------------


def padded_cost(lengths: list[int], batches: list[list[int]]) -> int:
    return sum(len(rows) * max(lengths[row] for row in rows) + 24 for rows in batches)


def cheapest(ordered: list[int], budget: int) -> int:
    """Cost of the best way to cut sorted lengths into batches within the budget, by trying them all."""
    best = None
    for cuts in range(1 << (len(ordered) - 1)):
        batches, start = [], 0
        for end in range(1, len(ordered) + 1):
            if end == len(ordered) or cuts >> (end - 1) & 1:
                batches.append(list(range(start, end)))
                start = end
        if all(len(rows) == 1 or len(rows) * ordered[rows[-1]] <= budget for rows in batches):
            cost = padded_cost(ordered, batches)
            best = cost if best is None else min(best, cost)
    assert best is not None
    return best


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=9), st.integers(1, 300))
def test_batches_cost_no_more_than_the_best_of_all(lengths: list[int], budget: int) -> None:
    batches = [rows.tolist() for rows in plan_batches(lengths, budget)]
    assert sorted(row for rows in batches for row in rows) == list(range(len(lengths)))
    for rows in batches:
        assert len(rows) == 1 or len(rows) * max(lengths[row] for row in rows) <= budget
    longest = [max(lengths[row] for row in rows) for rows in batches]
    assert longest == sorted(longest, reverse=True)
    assert padded_cost(lengths, batches) == cheapest(sorted(lengths), budget)
