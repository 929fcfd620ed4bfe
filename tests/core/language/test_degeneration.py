"""Degeneration of written texts, held against counting by hand and against a plain loop."""

from __future__ import annotations

import math
import random

import pytest

from core.corpora.load import load_corpus
from core.language.degeneration import degeneration


def by_loop(units: list[str]) -> float:
    seen: list[tuple[str, ...]] = []
    repeated = 0
    for start in range(len(units) - 3):
        gram = tuple(units[start : start + 4])
        repeated += gram in seen
        seen.append(gram)
    return repeated / len(seen)


def test_the_share_of_repeated_four_grams_is_that_of_a_plain_loop() -> None:
    draw = random.Random(0)
    for _ in range(20):
        words = [draw.choice(["sea", "boat", "Salz", "été", "мир"]) for _ in range(draw.randint(4, 60))]
        assert degeneration([" ".join(words)]).repeated == pytest.approx(by_loop(words))
        characters = [draw.choice("日本語のタイไทย") for _ in range(draw.randint(4, 60))]
        assert degeneration(["".join(characters)]).repeated == pytest.approx(by_loop(characters))


def test_repetition_and_broken_characters_are_told_from_prose() -> None:
    looped = degeneration(["日本の日本の日本の日本の日本の日本の", "and so on and so on and so on and so on"])
    assert looped.repetitive
    assert not looped.broken
    assert degeneration(["これは\ufffd\ufffd"]).broken
    corpus = load_corpus("embedded")
    for code in corpus.languages:
        assert not degeneration([" ".join(corpus.evaluation[0].texts[code][:8])]).repetitive, code


def test_texts_too_short_to_repeat_have_no_share() -> None:
    assert math.isnan(degeneration(["one two", ""]).repeated)
    assert degeneration(["one two", "a b c d a b c d"]).repeated == pytest.approx(1 / 5)
    assert degeneration([]).n == 0
