"""A model over two processes gives what it gives in one; a refusal, a stop or a death in one of them is said."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from core.errors import ComputeError, ModelError
from core.inference import generation
from core.inference.batching import tokenise
from core.inference.forward import embed_spaces
from core.inference.ranks import RankProcesses, load_over
from core.models.loaded_model import LoadedModel
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from core.neurons.sites import KINDS, find_neurons
from core.progress import Cancelled
from core.store.store import Store
from tests.helpers.passes import TEXTS, pull, run, set_value
from tests.helpers.tiny import save_tiny

LONG = " ".join(TEXTS[:3])  # a batch of its own, in which one rank is longer at work than the other


@pytest.fixture(scope="module")
def over_two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadedModel]:
    """The tiny Llama over two processes on the processor, from files of its own."""
    folder = save_tiny(tmp_path_factory.mktemp("ranks") / "llama", "llama")
    model = load_over(resolve(ModelSpec(str(folder), dtype="float32", device="cpu")), Store(folder.parent / "store"), 2)
    assert isinstance(model.ranks, RankProcesses)
    with closing(model.ranks):
        yield model


@pytest.fixture
def in_one(tiny_models: Mapping[str, LoadedModel]) -> LoadedModel:
    """The same in this process."""
    return tiny_models["llama"]


def test_it_reads_writes_and_embeds_as_one_process_does(over_two: LoadedModel, in_one: LoadedModel) -> None:
    neurons = find_neurons(in_one.base, in_one.neurons.n_layers, KINDS)
    written = np.array([site.start + unit for site in neurons.sites for unit in (0, 7)])
    held = set_value(written, np.linspace(-2, 3, len(written)), 0.7)
    for intervention in (None, held):
        here, there = (
            run(model, intervention, neurons=neurons, parts=[3, 1, 9, len(TEXTS) - 13]) for model in (in_one, over_two)
        )
        assert here.responses is not None
        assert there.responses is not None
        assert list(there.responses) == [site.path for site in neurons.sites]
        for path, values in here.responses.items():
            np.testing.assert_allclose(there.responses[path], values, rtol=0, atol=1e-6 * np.abs(values).max())
        assert here.embeddings is not None
        assert there.embeddings is not None
        np.testing.assert_allclose(there.embeddings, here.embeddings, rtol=0, atol=1e-6 * np.abs(here.embeddings).max())


@pytest.mark.parametrize("n_sentences", [1, 3], ids=["fewer batches than ranks", "an odd number of batches"])
def test_each_rank_passes_equally_often_and_tokens_count_once(
    n_sentences: int, over_two: LoadedModel, in_one: LoadedModel
) -> None:
    tokens, counted = tokenise(over_two, [*TEXTS[: n_sentences - 1], LONG]), []
    spaces = [None, pull(in_one, 0.5)]
    there = embed_spaces(over_two, tokens, spaces, parts=[1] * n_sentences, advance=counted.append)
    here = embed_spaces(in_one, tokens, spaces, parts=[1] * n_sentences)
    for one, other in zip(here, there, strict=True):
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-6 * np.abs(one).max())
    assert sum(counted) == 2 * tokens.n_tokens


def test_a_refusal_and_a_stop_leave_the_processes_ready(over_two: LoadedModel, in_one: LoadedModel) -> None:
    assert isinstance(over_two.ranks, RankProcesses)
    before = over_two.ranks.process_ids
    added_up = [site.start for site in in_one.neurons.sites if site.name == "down_proj"][:2]
    too_much = set_value(np.array(added_up), np.array([3e38, 3e38]), 1.0)
    with pytest.raises(ModelError, match="not finite"):
        run(over_two, too_much)

    def stop(_: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        run(over_two, advance=stop, parts=[1] * len(TEXTS))
    assert run(over_two).embeddings is not None
    assert over_two.ranks.process_ids == before


def test_what_needs_the_weights_here_is_refused(over_two: LoadedModel) -> None:
    with pytest.raises(ModelError, match=r"spread over 2 processes.*--gpus-per-model"):
        generation.generate(over_two, TEXTS[0])


def test_what_cannot_be_spread_is_refused(tiny_folders: dict[str, Path], store: Store) -> None:
    folder = str(tiny_folders["llama"])
    with pytest.raises(ModelError, match=r"over 2 processes: the device sharded is no GPU"):
        load_over(resolve(ModelSpec(folder, dtype="float32", device="sharded")), store, 2)


def test_a_process_that_dies_is_said_and_all_start_anew_or_say_why_not(over_two: LoadedModel) -> None:
    assert isinstance(over_two.ranks, RankProcesses)
    first, second = over_two.ranks.process_ids

    def kill(_: int) -> None:
        os.kill(second, signal.SIGKILL)

    with pytest.raises(ComputeError, match=r"one of the 2 processes .*SIGKILL"):
        run(over_two, advance=kill, parts=[1] * len(TEXTS))
    assert over_two.ranks.process_ids == ()
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    weights = Path(over_two.resolved.location) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match=over_two.name):  # the new processes find it
        run(over_two)
    assert over_two.ranks.process_ids == ()
