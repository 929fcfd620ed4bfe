"""BUCC's gold standard makes a retrieval test of two texts that are otherwise not parallel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.corpora.bucc import distractors
from core.corpora.load import load_corpus
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from tests.helpers.corpora import refusal, write

FRENCH = ["Un chien.", "Deux chats.", "Trois oiseaux.", "Quatre poissons.", "Cinq souris.", "Personne ne répond."]
ENGLISH = ["Nobody asks.", "Five mice.", "Four fish.", "Three birds.", "Two cats.", "One dog."]
# Which English sentence (counted from 1) translates the n-th French one; the sixth has no translation.
GOLD = [(1, 6), (3, 4), (2, 5), (5, 2)]
PAIRS = {
    "fr": ("Un chien.", "Trois oiseaux.", "Deux chats.", "Cinq souris."),
    "en": ("One dog.", "Three birds.", "Two cats.", "Five mice."),
}


def numbered(code: str, sentences: list[str]) -> str:
    return "".join(f"{code}-{number:09}\t{text}\n" for number, text in enumerate(sentences, start=1))


def gold(code: str, pairs: list[tuple[int, int]]) -> str:
    return "".join(f"{code}-{foreign:09}\ten-{english:09}\n" for foreign, english in pairs)


def pair(folder: Path, code: str = "fr", split: str = "training", foreign: list[str] = FRENCH) -> Path:
    write(folder / f"{code}-en.{split}.{code}", numbered(code, foreign))
    write(folder / f"{code}-en.{split}.en", numbered("en", ENGLISH))
    write(folder / f"{code}-en.{split}.gold", gold(code, GOLD))
    return folder


@pytest.fixture
def bucc(tmp_path: Path) -> Path:
    return pair(tmp_path / "bucc")


def test_the_gold_pairs_are_the_sentences_in_the_order_of_the_gold_standard(bucc):
    corpus = load_corpus(f"bucc:{bucc}")
    (rows,) = corpus.evaluation
    assert rows.texts == PAIRS
    assert rows.ids[1] == "training:fr-000000003:en-000000004"
    assert (corpus.kind, corpus.spec, corpus.probe, corpus.languages) == ("bucc", f"bucc:{bucc}", None, ("en", "fr"))
    assert "fr-en: 4 pairs of the training split." in corpus.notes


@pytest.mark.parametrize("layout", ["", "fr-en", "bucc2018", "bucc2018/fr-en"])
def test_every_published_layout_gives_the_same_corpus(layout, bucc, tmp_path):
    pair(tmp_path / "other" / layout)
    assert load_corpus(f"bucc:{tmp_path / 'other'}").digest == load_corpus(f"bucc:{bucc}").digest


def test_all_languages_of_the_folder_are_read_in_one_order(tmp_path):
    for code in ("zh", "de"):
        pair(tmp_path / f"{code}-en", code)
    corpus = load_corpus(f"bucc:{tmp_path}")
    assert [rows.languages for rows in corpus.evaluation] == [("en", "de"), ("en", "zh")]


def test_a_test_split_with_gold_goes_before_training_and_that_before_the_sample(bucc):
    for split in ("sample", "test"):
        write(bucc / f"fr-en.{split}.fr", numbered("fr", [f"{split} {text}" for text in FRENCH]))
        write(bucc / f"fr-en.{split}.en", numbered("en", ENGLISH))
    write(bucc / "fr-en.sample.gold", gold("fr", GOLD))
    first = load_corpus(f"bucc:{bucc}")
    assert first.evaluation[0].texts == PAIRS  # the test has no gold standard, as published
    write(bucc / "fr-en.test.gold", gold("fr", GOLD))
    second = load_corpus(f"bucc:{bucc}")
    assert second.evaluation[0].texts["fr"][0] == "test Un chien."
    assert "fr-en: 4 pairs of the test split." in second.notes


def test_the_names_that_xtremes_preparation_gives_are_read(tmp_path):
    pair(tmp_path, split="dev")
    assert "fr-en: 4 pairs of the dev split." in load_corpus(f"bucc:{tmp_path}").notes


def test_it_takes_its_probe_from_another_corpus(bucc, tiny_folders):
    asked = Experiment(
        model=str(tiny_folders["llama"]),
        dtype="float32",
        device="cpu",
        target="fr",
        experts=5,
        corpus=f"bucc:{bucc}",
        probe_corpus="embedded",
    )
    bound = plan(asked)
    assert "fr" in bound.probe.languages
    assert [dict(group.texts) for group in bound.groups] == [PAIRS]


def test_texts_without_a_gold_standard_are_refused(bucc):
    (bucc / "fr-en.training.gold").unlink()
    error = refusal(f"bucc:{bucc}")
    assert "has texts (fr-en.training.en, fr-en.training.fr) and no gold standard" in error.why
    assert "training-gold.tar.bz2" in error.instead


@pytest.mark.parametrize("side", ["fr", "en"])
def test_an_id_that_is_not_in_the_text_is_refused_with_its_line(side, bucc):
    write(bucc / "fr-en.training.gold", gold("fr", [*GOLD, (9, 3) if side == "fr" else (4, 9)]))
    why = refusal(f"bucc:{bucc}").why
    assert f"line 5 of {bucc / 'fr-en.training.gold'} names '{side}-000000009'" in why
    assert f"which is not in {bucc / f'fr-en.training.{side}'}" in why


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("gold", gold("fr", GOLD) + "fr-000000004 en-000000003\n", "line 5 of {} is not an id, a tab and an id"),
        ("gold", gold("fr", GOLD) + "fr-000000004\t\n", "line 5 of {} is not an id, a tab and an id"),
        ("fr", numbered("fr", FRENCH) + "fr-000000007\n", "line 7 of {} is not an id, a tab and text"),
        ("fr", numbered("fr", FRENCH) + "fr-000000001\tUn.\n", "lines 1 and 7 of {} have the same id, 'fr-000000001'"),
        ("fr", numbered("fr", ["Un chien.", " ", *FRENCH[2:]]), "{} has blank sentences: line 2"),
    ],
)
def test_a_bad_line_is_refused_with_its_file_and_number(name, text, expected, bucc):
    path = write(bucc / f"fr-en.training.{name}", text)
    assert refusal(f"bucc:{bucc}").why == expected.format(path)


@pytest.mark.parametrize("side", ["fr", "en"])
def test_a_gold_standard_without_one_of_its_texts_is_refused(side, bucc):
    (bucc / f"fr-en.training.{side}").unlink()
    assert f"there is no file {bucc / f'fr-en.training.{side}'}" in refusal(f"bucc:{bucc}").why


def test_a_blank_sentence_that_no_pair_names_does_no_harm(bucc):
    write(bucc / "fr-en.training.fr", numbered("fr", [*FRENCH[:5], " "]))
    assert load_corpus(f"bucc:{bucc}").evaluation[0].texts == PAIRS


def test_the_same_set_twice_is_refused(bucc):
    pair(bucc / "fr-en")
    assert "are the same set" in refusal(f"bucc:{bucc}").why


def test_too_few_pairs_are_refused(bucc):
    write(bucc / "fr-en.training.gold", gold("fr", GOLD[:3]))
    assert "has only 3 pairs" in refusal(f"bucc:{bucc}").why


def test_a_folder_of_another_layout_is_refused(tmp_path):
    assert "<xx>-en.<split>.gold" in refusal(f"bucc:{tmp_path}").why


def test_files_are_read_again_once_their_time_is_another(bucc):
    path = bucc / "fr-en.training.fr"
    for file in bucc.iterdir():
        os.utime(file, ns=(10**18, 10**18))
    assert load_corpus(f"bucc:{bucc}").evaluation[0].texts == PAIRS
    write(path, numbered("fr", ["Un chat..", *FRENCH[1:]]))
    os.utime(path, ns=(10**18, 10**18))  # of the same size: nothing tells it from what was read
    assert load_corpus(f"bucc:{bucc}").evaluation[0].texts == PAIRS
    os.utime(path, ns=(10**18, 10**18 + 1))
    assert load_corpus(f"bucc:{bucc}").evaluation[0].texts["fr"][0] == "Un chat.."


def test_repeats_are_noted(bucc):
    write(bucc / "fr-en.training.en", numbered("en", [*ENGLISH[:3], "One dog.", *ENGLISH[4:]]))
    notes = load_corpus(f"bucc:{bucc}").notes
    assert "Sentences in fr-en, training that repeat an earlier one, kept as published: en 1." in notes


def test_distractors_are_all_that_the_gold_standard_does_not_name(bucc):
    found = distractors(f"bucc:{bucc}", bucc, "fr")
    assert found == {"en": ("Nobody asks.", "Four fish."), "fr": ("Quatre poissons.", "Personne ne répond.")}
    first = distractors(f"bucc:{bucc}", bucc, "fr", 1)
    assert first == {"en": ("Nobody asks.",), "fr": ("Quatre poissons.",)}
