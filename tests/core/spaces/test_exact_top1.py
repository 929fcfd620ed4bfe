"""Deciding roughly first gives what double precision gives, ties and copies included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spaces import exact_top1, retrieval


def slow_unbeaten(unit: np.ndarray, queries: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The definition, one candidate after the other, and whether double precision can tell (or there is a copy)."""
    n_languages, n_sentences, _ = unit.shape
    found = np.ones((len(queries), n_languages, n_sentences), dtype=bool)
    clear = np.ones_like(found)
    wide = unit.astype(np.float64)
    for place, query in enumerate(queries):
        for candidate in range(n_languages):
            for i in range(n_sentences) if candidate != query else ():
                own = wide[query, i] @ wide[candidate, i]
                for j in range(n_sentences):
                    if (unit[candidate, j] == unit[candidate, i]).all():
                        found[place, candidate, i] &= j >= i
                    else:
                        other = wide[query, i] @ wide[candidate, j]
                        found[place, candidate, i] &= other < own
                        clear[place, candidate, i] &= abs(own - other) > 1e-13
    return found, clear


def near_ties(seed: int, n_sentences: int, dim: int, spread: float, copies: int) -> np.ndarray:
    """Candidates of which many are as near as the translation, or nearly, and some are the same vector."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(1, 1, dim)) + spread * random.normal(size=(3, n_sentences, dim))
    vectors[:, :, 0] *= random.choice([1, 30])  # one dimension that is greater than all others, as models have them
    for _ in range(copies):
        language, (here, there) = random.integers(3), random.integers(n_sentences, size=2)
        vectors[language, here] = vectors[language, there]
    vectors[random.integers(3), random.integers(n_sentences)] *= random.choice([0, 1])
    return retrieval.normalise(vectors.astype(np.float32))


# Some processors have no 8-bit products: there is no such way to test on them.
_WAYS = {True: "8 bits", False: "float32"} if exact_top1._eight_bits() else {False: "float32"}


@pytest.fixture(params=_WAYS, ids=_WAYS.values())
def eight_bits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(exact_top1, "_eight_bits", lambda: request.param)
    return bool(request.param)


@pytest.mark.parametrize("spread", [1.0, 1e-2, 1e-4, 1e-6, 1e-7, 0.0])
@pytest.mark.usefixtures("eight_bits")
def test_near_ties_and_copies_are_decided_exactly(spread: float) -> None:
    for seed in range(12):
        unit = near_ties(seed, n_sentences=3 + 7 * seed, dim=[3, 24, 65][seed % 3], spread=spread, copies=seed)
        queries = [[0, 1, 2], [2], [1, 0]][seed % 3]
        expected, clear = slow_unbeaten(unit, queries)
        found = exact_top1.unbeaten(unit, queries)
        assert clear.mean() > 0.5
        np.testing.assert_array_equal(found[clear], expected[clear])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 150), st.integers(1, 70), st.sampled_from([0.0, 1e-5, 0.1, 3]), st.data())
def test_any_space_is_decided_exactly(seed: int, n: int, dim: int, spread: float, data: st.DataObject) -> None:
    unit = near_ties(seed, n, dim, spread, copies=data.draw(st.integers(0, 2 * n)))
    expected, clear = slow_unbeaten(unit, [0, 1, 2])
    np.testing.assert_array_equal(exact_top1.unbeaten(unit, [0, 1, 2])[clear], expected[clear])


@pytest.mark.usefixtures("eight_bits")
def test_more_queries_than_one_product_takes() -> None:
    """All are hits, so that none is struck out before."""
    random = np.random.default_rng(0)
    meaning = random.normal(size=(1, 1500, 32))
    unit = retrieval.normalise((meaning + 0.2 * random.normal(size=(4, 1500, 32))).astype(np.float32))
    found = exact_top1.unbeaten(unit, range(4))
    for query in range(4):
        for candidate in range(4):
            best = (unit[query].astype(float) @ unit[candidate].astype(float).T).argmax(axis=1)
            expected = best == np.arange(1500) if candidate != query else np.ones(1500, bool)
            np.testing.assert_array_equal(found[query, candidate], expected)
    assert found.mean() > 0.9


@pytest.mark.usefixtures("eight_bits")
def test_the_bound_on_the_error_holds() -> None:
    random = np.random.default_rng(1)
    for scale in (1.0, 1e-6):
        vectors = random.normal(size=(2, 40, 96)) * np.exp(random.normal(size=96))
        unit = retrieval.normalise((random.normal(size=96) + scale * vectors).astype(np.float32))
        rest, rough = exact_top1._rough(unit, unit.mean(axis=1))
        exact, codes = (
            rest.double().transpose(0, 1).numpy(),
            rough.codes.double().numpy() * rough.scale[..., None].astype(float),
        )
        np.testing.assert_array_less(np.linalg.norm(exact - codes, axis=2), rough.error + 1e-30)
        np.testing.assert_array_less(np.linalg.norm(exact, axis=2), rough.length)
        np.testing.assert_array_less(np.linalg.norm(codes, axis=2), rough.length)
        value = exact_top1._product(rough.codes[0], rough.codes[1]).numpy() * np.outer(rough.scale[0], rough.scale[1])
        doubt = np.outer(rough.error[0], rough.length[1]) + np.outer(rough.length[0], rough.error[1])
        rounding = 97 * 2.0**-24 * np.outer(rough.length[0], rough.length[1])
        assert (abs(value - exact[0] @ exact[1].T) <= doubt + rounding).all()
        assert (doubt.max() > 0) == (rough.codes.dtype != rest.dtype)


def test_one_query_language_gives_its_row_of_all() -> None:
    unit = near_ties(5, 90, 24, 0.3, 30)
    found = exact_top1.unbeaten(unit, range(3))
    for query in range(3):
        np.testing.assert_array_equal(exact_top1.unbeaten(unit, [query])[0], found[query])
