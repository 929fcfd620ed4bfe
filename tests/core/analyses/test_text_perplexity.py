"""Perplexity of texts: measured once, text by text, and what an earlier version kept still answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.analyses.text_perplexity import likelihoods, perplexity_interval, pooled_perplexity
from core.errors import ModelError
from core.experiment.settings import Experiment
from core.inference.perplexity import Likelihoods, Perplexity
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.store.artefact import Payload
from core.store.stage import STAGES
from tests.helpers.tiny import sentences

TEXTS = sentences("es", 5, 30)


def _measured(run: Run) -> Likelihoods:
    return likelihoods(run, TEXTS, None)


def _pooled(run: Run) -> Perplexity:
    return pooled_perplexity(run, TEXTS, None)


def test_one_measurement_answers_by_text_and_pooled(asked: Experiment, engine: Engine) -> None:
    assert engine.answer_known(asked, _pooled) is None
    measured = engine.answer(asked, _measured)
    assert len(measured.nll) == len(TEXTS)
    pooled = engine.answer_known(asked, _pooled)
    assert pooled is not None
    assert pooled.value == pytest.approx(np.exp(measured.nll.sum() / measured.n_tokens.sum()), rel=1e-12)
    assert engine.answer_known(replace(asked, strength=2.0), _pooled) == pooled  # the unmodified model has no strength
    assert engine.answer_known(asked, lambda run: pooled_perplexity(run, TEXTS[:2], None)) is None
    assert {entry.stage for entry in engine.store.entries()} == {"perplexity-by-text"}


def test_sums_that_an_earlier_version_kept_answer_until_the_texts_are_measured(
    asked: Experiment, engine: Engine
) -> None:
    measured = engine.answer(asked, _measured)
    (stored,) = engine.store.entries()
    engine.store.remove(stored)
    facts = {"nll": 40.0, "n_tokens": 20, "n_texts": len(TEXTS)}
    engine.store.put("perplexity", stored.spec, Payload(facts=facts))
    assert stored.spec["version"] == STAGES["perplexity"].version
    assert engine.answer_known(asked, _pooled) == Perplexity(40.0, 20, len(TEXTS))
    assert engine.answer_known(asked, _measured) is None
    again = engine.answer(asked, _measured)
    assert again.nll.tobytes() == measured.nll.tobytes()
    assert engine.answer_known(asked, _pooled) == measured.pooled


def test_a_model_that_predicts_no_text_is_refused_before_it_is_loaded(asked: Experiment, engine: Engine) -> None:
    def ask(run: Run) -> object:
        run.plan = replace(run.plan, outline=replace(run.plan.outline, generates=False))
        return _measured(run)

    with pytest.raises(ModelError, match="not a causal language model"):
        engine.answer(asked, ask)
    assert not engine.models.is_loaded(engine.answer(asked, lambda run: run.plan.resolved))


def test_the_interval_holds_the_value_and_leaves_out_texts_of_one_token() -> None:
    nll, n_tokens = np.array([12.0, 30.0, 7.5, 0.0]), np.array([4, 9, 3, 0])
    interval = perplexity_interval(Likelihoods(nll, n_tokens))
    assert interval.value == pytest.approx(np.exp(49.5 / 16), rel=1e-12)
    assert np.exp(7.5 / 3) <= interval.low <= interval.value <= interval.high <= np.exp(30 / 9)
    assert interval.n == 3
    assert interval == perplexity_interval(Likelihoods(nll[:3], n_tokens[:3]))
