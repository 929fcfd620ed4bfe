"""A sentence of one's own: a sentence of the corpus, typed, is found where the corpus has it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from core.analyses import own_sentence
from core.analyses.own_sentence import NearSentence, find, place, response
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.run import Run


def spaces_of(run: Run) -> list[np.ndarray]:
    _, intervention = run.spaces()
    return [run.stages.embeddings(0, space, run.plan.layer) for space in (None, intervention)]


def test_a_sentence_of_the_corpus_is_its_own_nearest_in_both_spaces(asked: Experiment, engine: Engine) -> None:
    result = engine.run(asked)
    (group,) = result.plan.groups
    text = group.texts["es"][2]
    found = engine.answer(asked, lambda run: find(run, text, "es"))
    row = group.languages.index("es")
    for near, space in zip(found.near, engine.answer(asked, spaces_of), strict=True):
        similarity = cosine_similarity(space[row, 2][None], space.reshape(-1, space.shape[-1]))[0]
        assert near[0].similarity == pytest.approx(1, abs=1e-4)
        expected = np.sort(similarity)[::-1][: own_sentence.NEIGHBOURS]
        assert [one.similarity for one in near] == pytest.approx(expected.tolist(), abs=1e-4)
        for one in near:
            vector = space[group.languages.index(one.language), one.row]
            assert cosine_similarity(space[row, 2][None], vector[None]).item() == pytest.approx(
                one.similarity, abs=1e-4
            )
    assert "".join(found.tokens).strip() == text
    again = engine.answer_known(asked, lambda run: find(run, text, "es"))
    assert again is not None
    assert (again.near, again.tokens) == (found.near, found.tokens)


def test_the_mean_over_tokens_is_the_response_that_experts_are_found_by(asked: Experiment, engine: Engine) -> None:
    """On a probe sentence, with responses that are means over tokens."""

    def by_hand(run: Run) -> tuple[str, float]:
        experts, expertise = run.experts(), run.stages.expertise()
        pooled = run.stages.responses_of(experts.neurons)
        languages, target = expertise.languages, run.plan.target
        means = expertise.means[:, experts.neurons]
        others = np.delete(means, languages.index(target), axis=0).mean(axis=0)
        line = means[languages.index(target)] - others
        own = pooled[run.plan.probe.languages.index(target), :, 1]
        return run.plan.probe.texts[target][1], float((own - others) @ line / (line @ line))

    engine.run(asked)
    text, expected = engine.answer(asked, by_hand)
    found = engine.answer(asked, lambda run: find(run, text, asked.target))
    assert float(found.responses.mean()) == pytest.approx(expected, abs=5e-3)


def test_a_response_is_zero_at_the_others_mean_and_one_at_the_targets() -> None:
    draw = np.random.default_rng(0)
    target, others = draw.normal(size=(2, 7)).astype(np.float32)
    found = response(np.stack([others, target, (target + others) / 2, 2 * others - target]), target, others)
    np.testing.assert_allclose(found, [0, 1, 0.5, -1], atol=1e-5)
    assert response(others[None], others, others).tolist() == [0]  # neurons that tell nothing apart


def test_a_place_lies_amid_the_neighbours_that_are_shown() -> None:
    planes = [np.arange(12, dtype=np.float32).reshape(2, 3, 2)]
    near = [NearSentence(0, "es", 1, 0.9), NearSentence(0, "en", 0, 0.3), NearSentence(0, "en", 7, 0.2)]
    found = place(near, planes, [("en", "es")])
    np.testing.assert_allclose(found, (0.9 * planes[0][1, 1] + 0.3 * planes[0][0, 0]) / 1.2)
    assert place(near[2:], planes, [("en", "es")]) is None


@pytest.mark.parametrize("text", ["", "  ", "x" * (own_sentence.LONGEST + 1)])
def test_no_words_and_too_many_are_refused(asked: Experiment, engine: Engine, text: str) -> None:
    with pytest.raises(SettingError, match="your own sentence"):
        engine.answer(asked, lambda run: find(run, text, "ja"))
