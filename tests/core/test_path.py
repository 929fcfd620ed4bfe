"""The strengths between and the map's noise, against spaces embedded one by one and against constructed movements."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core import path, projection
from core.engine import Engine, Run
from core.experiment import Experiment
from core.progress import Progress, Snapshot
from core.store import Store


def test_the_way_goes_through_what_each_strength_alone_gives(asked: Experiment, filled: Store) -> None:
    """Every strength's space is that of an experiment of its own, and all are fitted together, in order."""
    engine = Engine(filled)
    assert engine.answer_known(asked, path.along) is None
    reports: list[Snapshot] = []
    found = engine.answer(asked, path.along, Progress(reports.append))
    assert found.strengths == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8])
    said = [report.stage for report in reports]
    (embedding,) = {stage for stage in said if "strength " in stage}
    assert embedding.endswith("strength 0.2, strength 0.4, strength 0.6")  # 0 and 0.8 are there already
    assert said[-1] == "done"

    def space_of(strength: float) -> np.ndarray:
        def read(run: Run) -> np.ndarray:
            _, intervention = run.spaces()
            return run.stages.embeddings(0, intervention, run.plan.layer)

        embedded = Engine(filled).answer(replace(asked, strength=strength), read)
        return embedded.reshape(-1, embedded.shape[-1])

    spaces = [space_of(strength) for strength in found.strengths]
    first, rest = projection.joint_umap(spaces[0], np.concatenate(spaces[1:]), seed=asked.seed)
    (maps,) = found.maps
    np.testing.assert_array_equal(maps.reshape(-1, 2), np.concatenate([first, rest]))
    again = engine.answer_known(asked, path.along)
    assert again is not None
    np.testing.assert_array_equal(again.maps[0], maps)


def test_a_strength_beyond_one_is_cut_in_four() -> None:
    assert path.strengths(Experiment(strength=2.0)) == (0.0, 0.5, 1.0, 1.5, 2.0)
    assert path.strengths(Experiment(strength=-1.0)) == (0.0, -0.25, -0.5, -0.75, -1.0)


def turned(points: np.ndarray) -> np.ndarray:
    """The same points mirrored, turned, scaled and shifted: a refit may do all of that."""
    angle = 2.1
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return 1.7 * (points * [1, -1]) @ turn + [30.0, -4.0]


def test_laying_on_undoes_any_similarity() -> None:
    points = np.random.default_rng(1).normal(size=(40, 2))
    np.testing.assert_allclose(path.laid_onto(turned(points), points), points, atol=1e-9)


def test_a_movement_is_told_from_a_refits_noise() -> None:
    rng = np.random.default_rng(2)
    pre = 10 * rng.normal(size=(300, 2))
    post = pre + np.array([3.0, 4.0])  # every sentence moves by five
    refit = [turned(side + rng.normal(scale=0.1, size=side.shape)) for side in (pre, post)]
    found = path.compare(pre, post, *refit)
    assert found.moved == pytest.approx(5.0)
    assert found.noise == pytest.approx(0.1 * np.sqrt(2 * np.log(2)), rel=0.1)  # median of a Rayleigh distribution
    assert found.beyond == 1.0
    assert found.n == 300
    still = path.compare(pre, pre + rng.normal(scale=0.001, size=pre.shape), *refit)
    assert still.moved < still.noise
    assert still.beyond == 0.0


def test_movement_is_kept(asked: Experiment, filled: Store) -> None:
    engine = Engine(filled)
    assert engine.answer_known(asked, path.movement) is None
    found = engine.answer(asked, path.movement)
    assert engine.answer_known(asked, path.movement) == found
    result = engine.run(asked)
    (pre, post), *_ = result.maps
    assert found.moved == pytest.approx(np.median(np.linalg.norm(post - pre, axis=-1)), rel=1e-5)
