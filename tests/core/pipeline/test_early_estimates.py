"""Estimates from the first sentences, against plain loops; a run's tighten to its result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from core import serialisation
from core.experiment.settings import Experiment
from core.pipeline.early_estimates import Estimate, estimate
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.progress import Progress, Snapshot
from core.store.store import Store
from tests.helpers.results import N_EVAL, make_plan, sentences
from tests.helpers.tiny import save_tiny, write_pairs, write_table


def by_candidate(space: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Hits and distances of each sentence of the target, candidate by candidate: two (n_candidates, n_rows)."""
    hits, distances = [], []
    for other in range(len(space)):
        if other == target:
            continue
        found, apart = [], []
        for row, query in enumerate(space[target].astype(float)):
            cosines = [query @ c / np.linalg.norm(query) / np.linalg.norm(c) for c in space[other].astype(float)]
            found.append(float(np.argmax(cosines) == row))
            apart.append(1 - cosines[row])
        hits.append(found)
        distances.append(apart)
    return np.array(hits), np.array(distances)


def test_an_estimate_is_the_mean_over_sentences_with_students_interval() -> None:
    plan = make_plan(Experiment(model="made", corpus="made", experts=20))
    random = np.random.default_rng(3)
    n, languages = N_EVAL, plan.groups[0].languages
    pre, post = (random.normal(size=(len(languages), n, 6)).astype(np.float32) for _ in range(2))
    post += 3 * post[:1]
    found = estimate(plan, {0: pre}, {0: post})
    assert found is not None
    assert (found.rows, found.among, found.of) == (n, (n,), N_EVAL)
    target = languages.index("ja")
    for space, share, apart in ((pre, found.pre, found.distance_pre), (post, found.post, found.distance_post)):
        hits, distances = (values.mean(axis=0) for values in by_candidate(space, target))
        low, high = stats.t.interval(0.95, n - 1, distances.mean(), stats.sem(distances))
        assert apart.value == pytest.approx(distances.mean(), abs=1e-6)
        assert (apart.low, apart.high) == pytest.approx((max(0, low), min(2, high)), abs=1e-6)
        assert share.value == pytest.approx(hits.mean(), abs=1e-6)
        for edge in (share.low, share.high):  # where the score test just rejects
            assert (share.value - edge) ** 2 == pytest.approx(1.959964**2 * edge * (1 - edge) / n, abs=1e-6)


def test_sets_of_rows_weigh_as_many_candidates_as_they_have() -> None:
    """Five rows with three candidates and nine with one: the mean is over four candidates, not over rows."""
    plan = make_plan(Experiment(model="made", corpus="made", experts=20))
    few, many = plan.groups[0], sentences(("de", "ja"), 9, "evaluation")
    plan = replace(plan, groups=(few, sentences(("de", "en"), 8, "evaluation"), many))  # the second lacks the target
    random = np.random.default_rng(4)
    shapes = [(len(group.languages), len(group), 6) for group in plan.groups]
    pre, post = ({n: random.normal(size=shape).astype(np.float32) for n, shape in enumerate(shapes)} for _ in range(2))
    for spaces in (pre, post):
        spaces[2][0] = spaces[2][1] + 0.4 * spaces[2][0]  # most of these find theirs
    found = estimate(plan, pre, post)
    assert found is not None
    assert (found.rows, found.among, found.of) == (14, (5, 9), 14)
    for spaces, share, apart in ((pre, found.pre, found.distance_pre), (post, found.post, found.distance_post)):
        parts = [by_candidate(spaces[n], plan.groups[n].languages.index("ja")) for n in (0, 2)]
        hits, distances = zip(*parts, strict=True)
        assert share.value == pytest.approx(np.mean([row.mean() for part in hits for row in part]))
        assert share.value != pytest.approx(np.concatenate([part.mean(axis=0) for part in hits]).mean(), abs=0.01)
        assert apart.value == pytest.approx(np.mean([row.mean() for part in distances for row in part]), abs=1e-6)
        trials = 1 / (0.75**2 / 5 + 0.25**2 / 9)
        for edge in (share.low, share.high):
            assert (share.value - edge) ** 2 == pytest.approx(1.959964**2 * edge * (1 - edge) / trials, abs=1e-6)
        errors = [weight * stats.sem(part.mean(axis=0)) for weight, part in zip((0.75, 0.25), distances, strict=True)]
        freedom = sum(e**2 for e in errors) ** 2 / sum(e**4 / (n - 1) for e, n in zip(errors, (5, 9), strict=True))
        half = stats.t.ppf(0.975, freedom) * np.sqrt(sum(e**2 for e in errors))
        assert (apart.low, apart.high) == pytest.approx((apart.value - half, apart.value + half), abs=1e-6)


def test_the_estimate_from_all_rows_of_pairs_is_the_result(asked: Experiment, engine: Engine, tmp_path: Path) -> None:
    pairs = replace(asked, corpus=write_pairs(tmp_path / "t"), probe_corpus=asked.corpus, target="en", strength=1.0)
    result = engine.run(pairs)

    def spaces(run: Run) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
        _, after = run.spaces()
        pre, post = (
            {n: run.stages.embeddings(n, space, run.plan.layer) for n in range(len(run.plan.groups))}
            for space in (None, after)
        )
        return pre, post

    found = estimate(result.plan, *engine.answer(pairs, spaces))
    assert found is not None
    assert (found.rows, found.among, found.of) == (13, (6, 7), 13)
    top1, distance = result.target_top1, result.target_distance
    assert (found.pre.value, found.post.value) == pytest.approx((top1.pre, top1.post))
    distances = found.distance_pre.value, found.distance_post.value
    assert distances == pytest.approx((distance.pre, distance.post), abs=1e-6)
    assert serialisation.decode(serialisation.encode(found)) == found  # it comes from another process


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
