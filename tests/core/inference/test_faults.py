"""Whatever a model's code raises in a pass is a refusal in three parts; the log keeps the traceback."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from core.errors import CorpusError
from core.inference import faults
from core.inference.batching import tokenise
from core.inference.generation import generate
from core.inference.perplexity import likelihoods
from core.models.loaded_model import LoadedModel
from core.progress import Cancelled
from tests.helpers.passes import TEXTS, run
from tests.helpers.refusals import refusal


class PanicException(BaseException):
    """What a tokenizer raises where its Rust code stops; no ``Exception``."""


def failing(error: BaseException, model: LoadedModel) -> Callable[[], object]:
    def work() -> None:
        with faults.explained("pass sentences through", model):
            raise error

    return work


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (IndexError("index out of range in self"), "it stopped with IndexError: index out of range in self"),
        (KeyError(), "it stopped with KeyError"),
        (PanicException("called `Option::unwrap()`"), "it stopped with PanicException: called `Option::unwrap()`"),
        (MemoryError(), "the memory of cpu is full"),
        (torch.OutOfMemoryError("CUDA"), "the memory of cpu is full"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "the memory of cpu is full"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_a_fault_is_a_refusal_and_the_log_keeps_where(
    error: BaseException, why: str, tiny_models: dict[str, LoadedModel], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="core.inference.faults"):
        found = refusal(failing(error, tiny_models["llama"]))
    assert found.what == f"pass sentences through {tiny_models['llama'].name}"
    assert found.why == why
    assert found.__cause__ is error
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("error", [Cancelled(), CorpusError("a", "b", "c"), KeyboardInterrupt(), SystemExit(2)])
def test_refusals_and_ends_pass_through(error: BaseException, tiny_models: dict[str, LoadedModel]) -> None:
    with pytest.raises(type(error)) as caught:
        failing(error, tiny_models["llama"])()
    assert caught.value is error


def test_every_kind_of_pass_is_covered(fresh: Callable[..., LoadedModel]) -> None:
    model = fresh("llama")

    def stop(*_: object) -> None:
        raise PanicException("unreachable")

    model.base.layers[1].register_forward_pre_hook(stop)
    deeds: dict[str, Callable[[], object]] = {
        "pass sentences through": lambda: run(model),
        "write text with": lambda: generate(model, "The dog", max_tokens=2),
        "predict text with": lambda: likelihoods(model, TEXTS[:1]),
    }
    for deed, work in deeds.items():
        error = refusal(work)
        assert error.what == f"{deed} {model.name}"
        assert "PanicException" in error.why


def test_a_tokenizers_panic_is_a_refusal(fresh: Callable[..., LoadedModel], monkeypatch: pytest.MonkeyPatch) -> None:
    model = fresh("llama")

    def stop(*_: object, **__: object) -> None:
        raise PanicException("index out of bounds")

    monkeypatch.setattr(type(model.tokenizer), "__call__", stop)
    assert "index out of bounds" in refusal(lambda: tokenise(model, TEXTS)).why


def test_what_a_callers_report_raises_is_the_callers(tiny_models: dict[str, LoadedModel]) -> None:
    def stop(_: object) -> None:
        raise ZeroDivisionError

    for report in ({"advance": stop}, {"on_text": stop}):
        with pytest.raises(ZeroDivisionError):
            generate(tiny_models["llama"], "The dog", max_tokens=2, **report)  # type: ignore[arg-type]
