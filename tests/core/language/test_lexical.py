"""Lexical overlap on sentences whose trigrams can be counted by hand."""

from __future__ import annotations

import math

import pytest

from core.language.lexical import overlap
from tests.helpers.tiny import sentences


def test_the_same_words_whatever_their_case_accents_and_punctuation() -> None:
    assert overlap(["La CASA!", "árbol 12"], ["arbol?", "la casa"]) == 1.0


def test_is_jaccards_index_of_trigrams() -> None:
    # " casa " has " ca", "cas", "asa", "sa "; " caso " shares the first two of its four.
    assert overlap(["casa"], ["caso"]) == pytest.approx(2 / 6)


def test_scripts_share_nothing_and_numbers_count_for_nothing() -> None:
    assert overlap(["house 2024"], ["дом 2024"]) == 0.0
    assert math.isnan(overlap(["2024"], ["дом"]))


def test_related_languages_share_more() -> None:
    de, en, ru = (sentences(code, 20) for code in ("de", "en", "ru"))
    assert overlap(de, en) > overlap(en, ru) == 0.0
    assert overlap(de, en) == overlap(en, de)


def test_vowel_signs_are_letters() -> None:
    assert overlap(["की"], ["कि"]) == 0.0
