"""One neuron held alone, against a plain pass in which it is set by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cosine

from core.analyses.held_neuron import effect, held
from core.errors import SettingError
from core.experiment.named_neurons import names_files
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.inference.batching import tokenise
from core.inference.forward import forward
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.spaces.similarity import normalise
from tests.helpers.tiny import write_pairs


def test_a_held_neuron_moves_sentences_as_one_set_by_hand(asked: Experiment, engine: Engine) -> None:
    neurons = plan(asked).outline.neurons
    site = neurons.sites[1]
    otherwise = replace(asked, method="zero", control="random", expert_layers="1", tokens="last")
    one = held(otherwise, neurons, site.start + 4, 25.0)
    found = engine.answer(one, effect)
    model, group = engine.models.get(found.plan.resolved), found.plan.groups[0]

    def write(_module: object, _args: object, output: torch.Tensor) -> None:
        output[..., 4] = 25.0

    for code in ("en", "ja"):
        tokens = tokenise(model, group.texts[code])
        before = forward(model, tokens, embeddings=True).embeddings
        handle = model.base.get_submodule(site.path).register_forward_hook(write)
        after = forward(model, tokens, embeddings=True).embeddings
        handle.remove()
        assert before is not None
        assert after is not None
        by_hand = [cosine(a.astype(float), b.astype(float)) for a, b in zip(before[-1], after[-1], strict=True)]
        assert found.moved[code].value == pytest.approx(np.mean(by_hand), rel=1e-3)
        assert found.moved[code].n == len(by_hand)
    assert found.spaces.target_top1.pre == engine.run(asked).target_top1.pre
    with pytest.raises(SettingError, match="neuron"):
        held(asked, neurons, neurons.total, 1.0)


def test_a_language_of_several_sets_of_rows_moves_as_all_its_sentences_do(
    asked: Experiment, engine: Engine, tmp_path: Path
) -> None:
    corpus = write_pairs(tmp_path / "tatoeba")
    pairs = replace(asked, corpus=corpus, probe_corpus=asked.corpus, target="en", layer=1)
    neurons = plan(pairs).outline.neurons
    one = held(pairs, neurons, neurons.sites[1].start + 4, 25.0)

    def english(run: Run) -> np.ndarray:
        space = run.spaces()[1]
        sides = [
            [run.stages.embeddings(n, of, 1)[g.languages.index("en")] for of in (None, space)]
            for n, g in enumerate(run.plan.groups)
        ]
        return np.concatenate([1 - (normalise(pre) * normalise(post)).sum(axis=1) for pre, post in sides])

    moved = engine.answer(one, english)
    found = engine.answer(one, effect).moved
    assert {code: interval.n for code, interval in found.items()} == {"en": 13, "de": 6, "es": 7}
    assert found["en"].value == pytest.approx(moved.mean(), rel=1e-2)


def test_a_neuron_above_the_layer_moves_nothing_and_that_is_certain(asked: Experiment, engine: Engine) -> None:
    """Of distances that are all 0, unlike hits, nothing else is to be expected of other sentences."""
    neurons = plan(asked).outline.neurons
    last = next(site for site in neurons.sites if site.layer == 2)
    found = engine.answer(held(replace(asked, layer=1), neurons, last.start, 25.0), effect)
    assert {(moved.value, moved.low, moved.high) for moved in found.moved.values()} == {(0.0, 0.0, 0.0)}


def test_neurons_named_by_hand_are_no_files() -> None:
    assert names_files("es.csv")
    assert names_files("1:down_proj:3 or es.csv")
    assert not names_files("1:down_proj:3=2.5 or 0:up_proj:1=-1e-05")
