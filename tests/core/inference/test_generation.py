"""What a model writes, against a plain loop and the library; with an intervention, with and without a cache."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from tokenizers import processors
from transformers import TopPLogitsWarper

from core.errors import ModelError
from core.inference.generation import Nucleus, generate
from core.models.loaded_model import LoadedModel
from core.progress import Cancelled
from tests.helpers.passes import pull


@pytest.mark.parametrize("samples", [1, 3])
def test_text_so_far_grows_into_the_text(samples: int, tiny_models: Mapping[str, LoadedModel]) -> None:
    model, seen = tiny_models["llama"], list[list[str]]()
    found = generate(model, "The dog", n_samples=samples, max_tokens=9, seed=3, on_text=seen.append)
    assert found == seen[-1]
    assert found == generate(model, "The dog", n_samples=samples, max_tokens=9, seed=3)
    counts = [[len(model.tokenizer(text)["input_ids"]) for text in texts] for texts in (seen[0], seen[-1])]
    assert all(len(texts) == samples for texts in seen)
    assert sum(counts[0]) < sum(counts[1])


@pytest.mark.parametrize("temperature", [1.0, 0.7, 4.0])
@pytest.mark.parametrize("width", [1, 50, 6000])
@pytest.mark.parametrize("top_p", [1e-6, 0.3, 0.9, 0.99])
def test_the_nucleus_is_what_sorting_the_vocabulary_keeps(top_p: float, width: int, temperature: float) -> None:
    drawn = torch.randn(5, width, generator=torch.Generator().manual_seed(1), dtype=torch.float64).float()
    for logits in (drawn, 12 * drawn, 0.1 * drawn):  # flat ones need more than the likeliest few thousand
        ids = torch.zeros(5, 1, dtype=torch.long)
        expected = TopPLogitsWarper(top_p)(ids, logits / temperature)
        assert torch.equal(Nucleus(top_p, temperature)(ids, logits).isinf(), expected.isinf())


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_writes_what_the_library_writes(temperature: float, tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["llama"]
    found = generate(model, "The dog", n_samples=4, max_tokens=9, temperature=temperature, top_p=0.6, seed=3)
    ids = model.tokenizer("The dog", return_tensors="pt")["input_ids"].repeat(4, 1)
    torch.manual_seed(3)
    with torch.inference_mode():
        whole = model.lm.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=9,
            do_sample=True,
            temperature=temperature,
            top_p=0.6,
            top_k=0,
            pad_token_id=model.pad_id,
        )
    assert found == model.tokenizer.batch_decode(whole[:, ids.shape[1] :], skip_special_tokens=True)


def test_a_text_that_ends_before_others_is_filled_with_no_words(tiny_models: Mapping[str, LoadedModel]) -> None:
    padded = tiny_models["llama"]
    lm = copy.deepcopy(padded.lm)
    lm.generation_config.eos_token_id = list(range(2, 100))  # so many that texts end early
    padded = replace(padded, lm=lm, base=lm.base_model)
    tokenizer = copy.deepcopy(padded.tokenizer)
    tokenizer.pad_token = None
    bare = replace(padded, tokenizer=tokenizer, pad_id=tokenizer.convert_tokens_to_ids("a"))  # a word, as 0 is in GPT-2
    beyond = copy.deepcopy(padded.tokenizer)
    beyond.add_tokens(["<beyond>"])
    beyond.pad_token = "<beyond>"  # which the embedding has no row for
    settings = {"n_samples": 12, "max_tokens": 12, "seed": 2}
    expected = generate(padded, "The dog", **settings)
    assert len({len(padded.tokenizer(text)["input_ids"]) for text in expected}) > 2
    assert generate(bare, "The dog", **settings) == expected
    assert generate(replace(bare, tokenizer=beyond), "The dog", **settings) == expected


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_model_s_own_settings_for_generation_change_nothing(
    temperature: float, tiny_models: Mapping[str, LoadedModel]
) -> None:
    model = tiny_models["llama"]
    lm = copy.deepcopy(model.lm)
    stated = {
        "repetition_penalty": 5.0,
        "no_repeat_ngram_size": 1,
        "suppress_tokens": list(range(3, 300)),
        "min_p": 0.5,
    }
    lm.generation_config.update(**stated)
    own = lm.generation_config
    shaped = replace(model, lm=lm, base=lm.base_model)
    settings = {"n_samples": 3, "max_tokens": 10, "temperature": temperature, "seed": 4}
    assert generate(shaped, "The dog", **settings) == generate(model, "The dog", **settings)
    assert lm.generation_config is own


def test_an_empty_prompt_starts_from_the_config_s_first_token(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["llama"]
    tokenizer = copy.deepcopy(model.tokenizer)
    tokenizer.bos_token = None
    tokenizer.backend_tokenizer.post_processor = processors.ByteLevel()
    assert tokenizer("")["input_ids"] == []
    settings: dict[str, Any] = {"max_tokens": 6, "seed": 1}
    for one in (None, replace(pull(model, 20.0), tokens="no-bos")):  # which is not written to it either
        found = generate(replace(model, tokenizer=tokenizer), "", intervention=one, **settings)
        assert found == generate(model, "", intervention=one, **settings)
    assert found != generate(model, "", intervention=pull(model, 20.0), **settings)


def test_stopping_leaves_the_model_as_it_was(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["gemma3"]

    def stop(_: list[str]) -> None:
        raise Cancelled

    before = generate(model, "The dog", max_tokens=5)
    with pytest.raises(Cancelled):
        generate(model, "The dog", max_tokens=5, on_text=stop)
    assert generate(model, "The dog", max_tokens=5) == before


@pytest.mark.parametrize("tokens", ["all", "no-bos"])
def test_generation_is_the_same_with_and_without_a_cache(tokens: str, tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["llama"]
    one = replace(pull(model, 1.5), tokens=tokens)
    ask: Callable[..., list[str]] = lambda **kw: generate(model, "The dog", max_tokens=12, temperature=0, **kw)  # noqa: E731
    plain, cached, uncached = ask(), ask(intervention=one), ask(intervention=one, use_cache=False)
    assert cached == uncached
    assert cached != plain
    assert ask() == plain


def test_generation_equals_a_plain_loop(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["llama"]
    ids = model.tokenizer("The dog")["input_ids"]
    start = len(ids)
    with torch.inference_mode():
        while len(ids) < start + 10:
            ids.append(int(model.lm(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
            if ids[-1] == model.tokenizer.eos_token_id:
                break
    seen: list[int] = []
    found = generate(model, "The dog", max_tokens=10, temperature=0, advance=seen.append)
    assert found == [model.tokenizer.decode(ids[start:], skip_special_tokens=True)]
    assert seen == list(range(1, len(ids) - start + 1))


def test_sampling_follows_its_seed(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["llama"]
    state = torch.random.get_rng_state()
    one, again, other = (generate(model, "", n_samples=3, max_tokens=10, seed=seed) for seed in (1, 1, 2))
    assert one == again != other
    assert len(set(one)) > 1
    assert torch.equal(torch.random.get_rng_state(), state)


def test_an_encoder_does_not_write(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["llama"]
    with pytest.raises(ModelError, match="write text"):
        generate(replace(model, generates=False), "The dog")
