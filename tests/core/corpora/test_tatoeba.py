"""Tatoeba is one set a pair; what cannot be used is left out with a note."""

from __future__ import annotations

import pytest

from core.corpora.load import load_corpus
from tests.helpers.corpora import CHINESE, ENGLISH, SPANISH, lines, refusal, write


def test_tatoeba_is_one_set_a_pair_each_with_its_own_english(tatoeba):
    corpus = load_corpus(f"tatoeba:{tatoeba}")
    assert corpus.probe is None
    assert corpus.probe_languages == ()
    assert corpus.languages == ("en", "zh", "es")
    chinese, spanish = corpus.evaluation
    assert chinese.texts == {"en": tuple(ENGLISH), "zh": tuple(CHINESE)}
    assert spanish.texts == {"en": tuple(reversed(ENGLISH)), "es": tuple(reversed(SPANISH))}
    assert spanish.ids[0] == "spa-eng:1"
    assert "no probe sentences" in corpus.notes[0]


def test_two_languages_that_the_registry_has_merged_stay_two(tatoeba):
    for code in ("dtp", "kzj"):
        write(tatoeba / f"tatoeba.{code}-eng.{code}", lines(*(f"{code} {text}" for text in SPANISH)))
        write(tatoeba / f"tatoeba.{code}-eng.eng", lines(*ENGLISH))
    corpus = load_corpus(f"tatoeba:{tatoeba}")
    assert corpus.languages == ("en", "zh", "dtp", "kzj", "es")
    assert corpus.evaluation[1].texts["dtp"][0] == "dtp Un perro."
    assert corpus.evaluation[2].texts["kzj"][0] == "kzj Un perro."


@pytest.mark.parametrize("side", ["spa", "eng"])
def test_a_pair_with_one_side_missing_is_left_out_and_says_why(side, tatoeba):
    (tatoeba / f"tatoeba.spa-eng.{side}").unlink()
    corpus = load_corpus(f"tatoeba:{tatoeba}")
    assert corpus.languages == ("en", "zh")
    assert f"tatoeba.spa-eng.{side}" in corpus.left_out["es"]
    assert any(note.startswith("es is left out") for note in corpus.notes)


def test_a_pair_of_unequal_length_is_left_out_and_says_why(tatoeba):
    write(tatoeba / "tatoeba.spa-eng.eng", lines(*ENGLISH, "Six."))
    why = load_corpus(f"tatoeba:{tatoeba}").left_out["es"]
    assert "tatoeba.spa-eng.eng has 6 lines" in why
    assert "tatoeba.spa-eng.spa has 5" in why


def test_a_folder_without_a_pair_that_can_be_used_is_refused(tatoeba):
    for path in tatoeba.glob("*.eng"):
        path.unlink()
    assert "tatoeba.cmn-eng.eng" in refusal(f"tatoeba:{tatoeba}").why


def test_repeats_in_tatoeba_are_noted(tatoeba):
    write(tatoeba / "tatoeba.spa-eng.eng", lines(*ENGLISH[:4], ENGLISH[0]))
    spanish = load_corpus(f"tatoeba:{tatoeba}").evaluation[1].select()
    assert spanish.notes == ("Sentences in spa-eng that repeat an earlier one, kept as published: en 1.",)
