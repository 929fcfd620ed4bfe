"""Text as it is written, and texts kept in the store."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from transformers import TopPLogitsWarper

from core.analyses.texts import written
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.inference.generation import Nucleus, generate
from core.inference.writing import Writing
from core.models.load import LoadedModel
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.progress import Cancelled


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


def test_stopping_leaves_the_model_as_it_was(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["gemma3"]

    def stop(_: list[str]) -> None:
        raise Cancelled

    before = generate(model, "The dog", max_tokens=5)
    with pytest.raises(Cancelled):
        generate(model, "The dog", max_tokens=5, on_text=stop)
    assert generate(model, "The dog", max_tokens=5) == before


def test_a_change_of_strength_writes_one_side_alone(asked: Experiment, engine: Engine) -> None:
    writing = Writing("The dog", tokens=6, samples=2)

    def both(run: Run) -> tuple[tuple[str, ...], tuple[str, ...]]:
        pre = written(run, writing, None)
        return pre, written(run, writing, run.stages.intervention(run.experts()))

    one = engine.answer(asked, both)
    assert engine.answer_known(asked, both) == one
    other = replace(asked, strength=1.5)
    assert engine.answer_known(other, lambda run: written(run, writing, None)) == one[0]
    assert engine.answer_known(other, both) is None
    same = engine.answer(replace(asked, strength=0.0), both)
    assert same == (one[0], one[0])


@pytest.mark.parametrize(
    "changes", [{"tokens": 0}, {"samples": 500}, {"temperature": -1}, {"top_p": 0}, {"top_p": 1.1}, {"seed": -1}]
)
def test_refuses_what_cannot_be_written(changes: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        replace(Writing(), **changes).check()  # type: ignore[arg-type]
