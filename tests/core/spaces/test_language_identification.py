"""The linear probe of language against scikit-learn by hand, and on spaces whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from core.spaces.language_identification import identified
from core.spaces.sentence_tables import SentenceTables
from tests.helpers.spaces import spaces

CODES = ("de", "en", "ja")


def test_it_is_scikit_learns_on_standardised_rows() -> None:
    both = spaces(1, 3, 90, noise=1.5)
    probe, rows = both[:, :60], both[:, 60:]
    flat = probe.reshape(-1, 8).astype(np.float64)
    mean, deviation = flat.mean(axis=0), flat.std(axis=0)
    model = LogisticRegression(C=0.1, max_iter=500).fit((flat - mean) / deviation, np.repeat(np.arange(3), 60))
    expected = np.mean([model.predict((part - mean) / deviation) == at for at, part in enumerate(rows)], axis=0)
    found = identified(SentenceTables(rows, CODES, probe, CODES))
    assert 0.4 < expected.mean() < 0.95
    np.testing.assert_allclose(found, expected, atol=0.34)  # a sentence on the border may fall to the other side
    assert found.mean() == pytest.approx(expected.mean(), abs=0.02)


def test_languages_far_apart_are_told_and_languages_alike_are_not() -> None:
    random = np.random.default_rng(2)
    rows = random.normal(size=(3, 200, 8)).astype(np.float32)
    apart = rows + 20 * random.normal(size=(3, 1, 8)).astype(np.float32)
    assert identified(SentenceTables(apart[:, 100:], CODES, apart[:, :100], CODES)).mean() == 1
    assert identified(SentenceTables(rows[:, 100:], CODES, rows[:, :100], CODES)).mean() == pytest.approx(
        1 / 3, abs=0.1
    )


def test_only_languages_that_the_probe_has_are_asked() -> None:
    both = spaces(3, 3, 60) + np.arange(3, dtype=np.float32)[:, None, None] * 20
    probe, rows = both[:2, :40], both[:, 40:]
    found = identified(SentenceTables(rows, CODES, probe, CODES[:2]))
    assert found.tolist() == [1.0] * 20
    assert np.isnan(identified(SentenceTables(rows, ("x", "y", "z"), probe, CODES[:2]))).all()
