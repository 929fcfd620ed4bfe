"""The strongest sentences of a neuron are those of its responses, and its tokens add up to them."""

from __future__ import annotations

import numpy as np
import pytest

from core.analyses import experts, top_sentences
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine


def test_they_are_the_largest_responses_and_the_mean_of_the_tokens_is_the_response(
    asked: Experiment, engine: Engine
) -> None:
    neuron = 17
    found = engine.answer(asked, lambda run: top_sentences.find(run, neuron))
    plan, _ = engine.experts(asked)
    responses = engine.answer(asked, lambda run: experts.responses(run, neuron))
    largest = np.sort(responses, axis=None)[::-1][: top_sentences.MOST]
    assert [one.response for one in found] == pytest.approx(largest.tolist())
    for one in found:
        assert responses[plan.probe.languages.index(one.language), one.row] == pytest.approx(one.response)
        assert "".join(one.tokens).strip() == plan.probe.texts[one.language][one.row]
        assert float(one.outputs.mean()) == pytest.approx(one.response, rel=1e-4, abs=1e-5)
    again = engine.answer_known(asked, lambda run: top_sentences.find(run, neuron))
    assert again is not None
    assert [one.tokens for one in again] == [one.tokens for one in found]
