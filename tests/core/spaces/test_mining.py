"""Mining against plain loops that follow LASER's scripts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.spaces.measured_space import measured
from core.spaces.mining import NEIGHBOURS, NearestCandidates, mine
from core.spaces.mining import nearest as blocks
from core.spaces.sentence_tables import SentenceTables
from tests.helpers.spaces import spaces


def nearest(table: np.ndarray) -> NearestCandidates:
    order = np.argsort(-table, axis=1)[:, :NEIGHBOURS]
    return NearestCandidates(np.take_along_axis(table, order, axis=1), order)


def as_laser_does(table: np.ndarray, n_gold: int) -> tuple[list[tuple[int, int]], float]:
    """Pairs in the order of their scores, and the best F1 of a threshold."""
    forward, backward = np.sort(table, axis=1)[:, -4:].mean(axis=1), np.sort(table, axis=0)[-4:].mean(axis=0)
    candidates = []
    for i in range(table.shape[0]):
        near = np.argsort(-table[i])[:4]
        score, j = max((table[i, j] / ((forward[i] + backward[j]) / 2), j) for j in near)
        candidates.append((score, i, int(j)))
    for j in range(table.shape[1]):
        near = np.argsort(-table[:, j])[:4]
        score, i = max((table[i, j] / ((forward[i] + backward[j]) / 2), i) for i in near)
        candidates.append((score, int(i), j))
    sources, targets, pairs = set(), set(), []
    for _, i, j in sorted(candidates, key=lambda item: -item[0]):
        if i not in sources and j not in targets:
            sources.add(i)
            targets.add(j)
            pairs.append((i, j))
    best = 0.0
    for n in range(1, len(pairs) + 1):
        right = sum(i == j and i < n_gold for i, j in pairs[:n])
        if right:
            precision, recall = right / n, right / n_gold
            best = max(best, 2 * precision * recall / (precision + recall))
    return pairs, best


@pytest.mark.parametrize("seed", range(4))
def test_mined_pairs_and_f1_are_lasers(seed: int) -> None:
    meaning = spaces(seed, 2, 60, noise=0.7)
    meaning /= np.linalg.norm(meaning, axis=-1, keepdims=True)
    # the last sources and targets translate nothing, and there are more targets than sources
    table = (meaning[0, :40] @ meaning[1, [*range(30), *range(40, 60)]].T).astype(np.float64)
    found = mine(nearest(table), nearest(table.T), 30)
    pairs, f1 = as_laser_does(table, 30)
    assert list(zip(found.sources.tolist(), found.targets.tolist(), strict=True)) == pairs
    assert found.f1 == pytest.approx(f1)
    taken = pairs[: found.n_taken]
    right = sum(i == j and i < 30 for i, j in taken)
    assert 2 * right / (len(taken) + 30) == pytest.approx(f1)


def test_translations_that_are_nearest_are_all_mined_and_nothing_is_where_none_are() -> None:
    table = np.full((6, 6), 0.1) + np.eye(6) * 0.8
    found = mine(nearest(table), nearest(table.T), 6)
    assert (found.f1, found.n_taken) == (1.0, 6)
    wrong = np.roll(table, 1, axis=1)
    found = mine(nearest(wrong), nearest(wrong.T), 6)
    assert (found.f1, found.n_taken) == (0.0, 0)


def test_nearest_in_blocks_are_those_of_the_whole_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.spaces.mining._BLOCK", 7)
    random = np.random.default_rng(0)
    queries, candidates = (random.normal(size=(n, 5)).astype(np.float32) for n in (40, 30))
    found = blocks(queries, candidates)
    expected = nearest(queries @ candidates.T)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-5)


def test_distractors_are_candidates_and_count_where_they_are_paired() -> None:
    random = np.random.default_rng(1)
    both = random.normal(size=(2, 50, 6)).astype(np.float32)
    both[1, :30] = both[0, :30] + 0.5 * both[1, :30]
    gold, among = both[:, :30], [both[0], both[1, :45]]
    unit = both / np.linalg.norm(both, axis=-1, keepdims=True)
    _, f1 = as_laser_does((unit[0] @ unit[1, :45].T).astype(np.float64), 30)
    for codes in (("en", "fr"), ("fr", "en")):
        tables = SentenceTables(gold, codes, among=lambda: among)
        found = measured([tables], ["mining_f1"])
        assert found.pairs["mining_f1"].tolist() == pytest.approx([f1, f1])
    alone = measured([SentenceTables(gold, ("en", "fr"))], ["mining_f1"]).value("mining_f1").value
    assert alone > f1
    broken = np.full((1, 6), np.nan, np.float32)  # an embedding that is no number finds nothing
    tables = SentenceTables(gold, ("en", "fr"), among=lambda: [np.concatenate([side, broken]) for side in gold])
    assert measured([tables], ["mining_f1"]).value("mining_f1").value == pytest.approx(alone)


def test_distractors_are_asked_for_only_where_they_are_mined() -> None:
    random = np.random.default_rng(2)
    gold = random.normal(size=(2, 12, 6)).astype(np.float32)

    def never() -> list[np.ndarray]:
        raise AssertionError("nothing is mined")

    names = ["csls", "mexa", "reciprocity", "hub_skew"]
    found = measured([SentenceTables(gold, ("en", "fr"), among=never)], names)
    alone = measured([SentenceTables(gold, ("en", "fr"))], names)
    pd.testing.assert_frame_equal(found.values, alone.values)
