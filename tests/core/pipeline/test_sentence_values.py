"""Sentence by sentence, every measure is what the result says, and its interval what drawing sentences gives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics.pairwise import cosine_distances

from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.measure_table import MEASURES
from core.pipeline.run import Run
from core.pipeline.sentence_values import SentenceSpace
from core.stats.paired import Part


def of_both(run: Run) -> list[dict[str, list[Part]]]:
    _, intervention = run.spaces()
    return [run.measures.sentence_values(space) for space in (None, intervention)]


def test_the_means_are_the_measures(asked: Experiment, engine: Engine) -> None:
    result = engine.run(asked)
    assert engine.answer_known(asked, of_both) is not None  # derived: nothing is embedded for it
    before, after = engine.answer(asked, of_both)
    assert list(before) == list(MEASURES)
    for name, measure in MEASURES.items():
        expected = measure.read(result)
        found = [sum(weight * values.mean() for weight, values in side[name]) for side in (before, after)]
        assert found == pytest.approx([expected.pre, expected.post], abs=2e-6), name


def test_several_sets_of_rows_count_by_their_pairs_and_a_language_by_its_sentences() -> None:
    """As in BUCC: a set of rows a language pair, with English in each."""
    draw = np.random.default_rng(3)
    spaces = [draw.normal(0.4, 1, size=(2, n, 6)).astype(np.float32) for n in (30, 50)]
    sets = [("en", "de"), ("en", "fr")]
    space = SentenceSpace("en", sets, lambda group, _: spaces[group], 0)

    def value(parts: list[Part]) -> float:
        return float(sum(weight * values.mean() for weight, values in parts))

    by_language = {"en": np.concatenate([spaces[0][0], spaces[1][0]]), "de": spaces[0][1], "fr": spaces[1][1]}
    every = np.concatenate([*by_language.values()])
    medoid = every[cosine_distances(every).sum(axis=1).argmin()][None]
    far = {code: cosine_distances(rows.mean(axis=0)[None], medoid).item() for code, rows in by_language.items()}
    assert value(space.medoid_distance(of_target=True)) == pytest.approx(far["en"], abs=1e-5)
    assert value(space.medoid_distance(of_target=False)) == pytest.approx((far["de"] + far["fr"]) / 2, abs=1e-5)
    apart = [np.mean(np.diagonal(cosine_distances(*one))) for one in spaces]
    assert value(space.distance_of_all()) == pytest.approx(np.mean(apart), abs=1e-5)
    assert value(space.distance_to_target()) == pytest.approx(np.mean(apart), abs=1e-5)


def test_a_linearised_distance_varies_as_drawing_sentences_does() -> None:
    draw = np.random.default_rng(4)
    rows = draw.normal(0.5, 1, size=(2, 300, 5)).astype(np.float32)
    space = SentenceSpace("en", [("en", "de")], lambda *_: rows, 0)
    ((_, values),) = space.medoid_distance(of_target=True)
    medoid = space._medoid
    drawn = [
        1 - mean @ medoid / np.linalg.norm(mean)
        for mean in (rows[0][draw.integers(300, size=300)].mean(axis=0) for _ in range(1500))
    ]
    assert stats.sem(values) == pytest.approx(np.std(drawn), rel=0.1)
