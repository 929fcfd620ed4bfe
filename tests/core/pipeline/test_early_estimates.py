"""Estimates from the first sentences, against plain loops; a run's tighten to its result."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from core.experiment.settings import Experiment
from core.pipeline.early_estimates import Estimate, estimate
from core.pipeline.engine import Engine
from core.progress import Progress, Snapshot
from core.store.store import Store
from tests.helpers.results import N_EVAL, make_plan
from tests.helpers.tiny import save_tiny, write_table


def test_an_estimate_is_the_mean_over_sentences_with_students_interval() -> None:
    plan = make_plan(Experiment(model="made", corpus="made", experts=20))
    random = np.random.default_rng(3)
    n, languages = N_EVAL, plan.groups[0].languages
    pre, post = (random.normal(size=(len(languages), n, 6)).astype(np.float32) for _ in range(2))
    post += 3 * post[:1]
    found = estimate(plan, {0: pre}, {0: post})
    assert found is not None
    assert (found.rows, found.of) == (n, N_EVAL)
    target = languages.index("ja")
    for space, share, apart in ((pre, found.pre, found.distance_pre), (post, found.post, found.distance_post)):
        hits, distances = np.zeros(n), np.zeros(n)
        for row in range(n):
            for other in range(len(languages)):
                if other == target:
                    continue
                query = space[target, row].astype(float)
                cosines = [query @ c / np.linalg.norm(query) / np.linalg.norm(c) for c in space[other].astype(float)]
                hits[row] += (np.argmax(cosines) == row) / (len(languages) - 1)
                distances[row] += (1 - cosines[row]) / (len(languages) - 1)
        low, high = stats.t.interval(0.95, n - 1, distances.mean(), stats.sem(distances))
        assert apart.value == pytest.approx(distances.mean(), abs=1e-6)
        assert (apart.low, apart.high) == pytest.approx((max(0, low), min(2, high)), abs=1e-6)
        assert share.value == pytest.approx(hits.mean(), abs=1e-6)
        for edge in (share.low, share.high):  # where the score test just rejects
            assert (share.value - edge) ** 2 == pytest.approx(1.959964**2 * edge * (1 - edge) / n, abs=1e-6)


def test_a_few_sentences_that_all_miss_leave_it_open() -> None:
    plan = make_plan(Experiment(model="made", corpus="made", experts=20))
    space = np.ones((4, 4, 3), dtype=np.float32)  # collapsed: the first candidate wins each time
    found = estimate(plan, {0: space}, {0: space})
    assert found is not None
    assert found.post.value == 0.25
    assert found.post.high - found.post.low > 0.5


def test_one_sentence_is_no_estimate() -> None:
    plan = make_plan(Experiment(model="made", corpus="made", experts=20))
    one = {0: np.ones((4, 1, 3), dtype=np.float32)}
    assert estimate(plan, one, one) is None


def test_a_run_publishes_estimates_that_tighten_to_the_result(tmp_path) -> None:
    asked = Experiment(
        model=str(save_tiny(tmp_path / "model", "llama")),
        corpus=write_table(tmp_path / "t.tsv", n_eval=45),
        target="ja",
        experts=20,
        dtype="float32",
    )
    seen: list[Estimate] = []

    def watch(_: Snapshot) -> None:
        if progress.partial is not None and (not seen or seen[-1] is not progress.partial):
            seen.append(progress.partial)

    progress = Progress(watch)
    result = Engine(Store(tmp_path / "cache")).run(asked, progress)
    n = len(result.plan.groups[0])
    assert [one.rows for one in seen] == [count for count in (4, 12, 28) if count < n]
    assert all(one.of == n for one in seen)
    assert (
        seen[-1].distance_post.high - seen[-1].distance_post.low
        < seen[0].distance_post.high - seen[0].distance_post.low
    )
    assert seen[-1].distance_post.low <= result.target_distance.post <= seen[-1].distance_post.high
