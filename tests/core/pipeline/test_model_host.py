"""One model in memory; its pace begins as a guess and comes to what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.models.resolve import resolve
from core.models.spec import ModelSpec, ResolvedModel
from core.pipeline.model_host import ModelHost
from core.store.store import Store


@pytest.fixture
def resolved(tiny_folders: dict[str, Path]) -> list[ResolvedModel]:
    return [resolve(ModelSpec(str(tiny_folders[name]), dtype="float32", device="cpu")) for name in ("llama", "gpt2")]


def test_the_last_model_alone_is_kept(resolved: list[ResolvedModel], store: Store) -> None:
    host = ModelHost(store)
    one, other = resolved
    assert not host.is_loaded(one)
    model = host.get(one)
    assert host.get(one) is model
    host.get(other)
    assert host.is_loaded(other)
    assert not host.is_loaded(one)


def test_the_more_a_model_ran_the_less_the_guess_counts(resolved: list[ResolvedModel], store: Store) -> None:
    host, (one, other) = ModelHost(store), resolved
    guess = host.pace(one, 1_000_000)
    assert host.pace(one, 2_000_000) == pytest.approx(guess / 2)
    paces = [guess]
    for tokens in (1e3, 1e4, 1e6):
        host.measured(one, tokens, tokens / 50.0)  # fifty tokens a second
        paces.append(host.pace(one, 1_000_000))
    assert paces == sorted(paces, reverse=True)
    assert paces[-1] == pytest.approx(50.0, rel=0.05)
    assert host.pace(other, 1_000_000) == guess  # what one model does says nothing of another
