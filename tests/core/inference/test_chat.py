"""A sentence in a chat template: what stands around it is the template's, what counts is the sentence."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from core.errors import ModelError
from core.inference import chat
from core.inference.batching import tokenise
from core.inference.encoding import Encoding
from core.inference.forward import forward
from core.inference.generation import generate
from core.models.load import load
from core.models.loaded_model import LoadedModel
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from core.store.store import Store
from tests.helpers.passes import TEXTS, close, run
from tests.helpers.tiny import Plain

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}, {{ strftime_now('%d %b %Y') }}] {{ m.content | trim }}</s>"
    "{% endfor %}{% if add_generation_prompt %}[model] {% endif %}"
)


def with_template(folder: Path, to: Path, template: str) -> LoadedModel:
    shutil.copytree(folder, to)
    (to / "chat_template.jinja").write_text(template, encoding="utf-8")
    return load(resolve(ModelSpec(str(to), dtype="float32", device="cpu")), Store(to.parent / "store"))


@pytest.fixture
def model(tiny_folders: dict[str, Path], tmp_path: Path) -> LoadedModel:
    return with_template(tiny_folders["llama"], tmp_path / "chat", TEMPLATE)


def test_the_template_is_around_the_sentence_on_one_day(model: LoadedModel) -> None:
    template = chat.template(model)
    assert template.around("Hola") == "<s>[user, 26 Jul 2024] Hola</s>"
    assert chat.template(model, answer=True).around("Hola").endswith("Hola</s>[model] ")


def test_only_the_sentences_own_tokens_count(model: LoadedModel, plain_models: dict[str, Plain]) -> None:
    tokens = tokenise(model, TEXTS, encoding=Encoding(chat=True))
    plain = plain_models["llama"]
    before = plain.tokenizer("<s>[user, 26 Jul 2024] ", add_special_tokens=False)["input_ids"]
    for text, ids, counted in zip(TEXTS, tokens.ids, tokens.counted, strict=True):
        whole = plain.tokenizer(f"<s>[user, 26 Jul 2024] {text}</s>", add_special_tokens=False)["input_ids"]
        assert list(ids) == whole
        assert plain.tokenizer.decode([i for i, c in zip(ids, counted, strict=True) if c]).strip() == text
        assert not any(counted[: len(before) - 1])
        assert not counted[-1]


def test_the_embedding_is_the_mean_over_them(model: LoadedModel, plain_models: dict[str, Plain]) -> None:
    encoding = Encoding(chat=True)
    tokens = tokenise(model, TEXTS[:5], encoding=encoding)
    states = forward(model, tokens, embeddings=True, encoding=encoding).embeddings
    assert states is not None
    for row, (ids, counted) in enumerate(zip(tokens.ids, tokens.counted, strict=True)):
        with torch.no_grad():
            last = plain_models["llama"].lm.base_model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        close(states[-1, row], last[torch.tensor(counted)].double().mean(0).numpy())
    assert abs(states - run(model, responses=False).embeddings[:, :5]).max() > 0.01


def test_a_model_without_a_template_is_refused(tiny_models: dict[str, LoadedModel]) -> None:
    with pytest.raises(ModelError) as caught:
        tokenise(tiny_models["llama"], TEXTS, encoding=Encoding(chat=True))
    assert "has none" in caught.value.why
    assert "--chat-template" in caught.value.instead


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ raise_exception('a system message is needed') }}", "a system message is needed"),
        ("{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}", "once, as it is"),
        ("nothing of it", "once, as it is"),
    ],
)
def test_a_template_that_takes_no_message_is_refused(
    template: str, why: str, tiny_folders: dict[str, Path], tmp_path: Path
) -> None:
    model = with_template(tiny_folders["llama"], tmp_path / "chat", template)
    with pytest.raises(ModelError) as caught:
        chat.template(model)
    assert why in caught.value.why


def test_an_answer_to_a_message_is_what_the_model_writes_after_the_template(
    model: LoadedModel, plain_models: dict[str, Plain]
) -> None:
    plain = plain_models["llama"]
    whole = plain.tokenizer("<s>[user, 26 Jul 2024] The dog</s>[model] ", add_special_tokens=False)["input_ids"]
    ids = torch.tensor([whole])
    continued = plain.lm.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=6, do_sample=False)
    expected = plain.tokenizer.decode(continued[0, len(whole) :], skip_special_tokens=True)
    assert generate(model, "The dog", max_tokens=6, temperature=0, as_message=True) == [expected]
    assert generate(model, "The dog", max_tokens=6, temperature=0) != [expected]
