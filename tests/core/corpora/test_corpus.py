"""Rows that mean the same in every language, selected and digested."""

from __future__ import annotations

import hashlib

import pytest

from core.corpora.corpus import ParallelSet
from core.corpora.load import load_corpus
from core.errors import CorpusError
from tests.helpers.corpora import CHINESE, ENGLISH, SPANISH, lines, table, write


def three() -> ParallelSet:
    texts = {"en": tuple(ENGLISH), "es": tuple(SPANISH), "zh": tuple(CHINESE)}
    return ParallelSet(tuple("abcde"), texts)


def test_a_selection_keeps_rows_together_and_the_order_asked_for():
    chosen = three().select(languages=["zho_Hans", "eng"], first=2)
    assert chosen.languages == ("zh", "en")
    assert chosen.ids == ("a", "b")
    assert (
        list(zip(chosen.texts["zh"], chosen.texts["en"], strict=True)) == list(zip(CHINESE, ENGLISH, strict=True))[:2]
    )
    assert len(chosen) == 2


def test_a_selection_of_nothing_in_particular_is_everything():
    assert three().select() == three()
    assert three().select(["en", "es", "zh", "en"]) == three()


def test_a_language_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(CorpusError) as caught:
        three().select(["en", "fra_Latn"])
    assert caught.value.what == "language 'fr'"
    assert caught.value.instead == "Choose from: en, es, zh."


@pytest.mark.parametrize("first", [0, -1, 6])
def test_more_rows_than_there_are_are_refused(first):
    with pytest.raises(CorpusError, match=f"the first {first} sentences: there are 5 .* Ask for 1 to 5"):
        three().select(first=first)


def test_a_selection_of_no_languages_is_refused():
    with pytest.raises(CorpusError, match="Choose from: en, es, zh"):
        three().select([])


def test_a_set_whose_languages_differ_in_length_cannot_be_made():
    with pytest.raises(CorpusError, match=r"language 'es'.*1 sentences for 2 rows"):
        ParallelSet(("a", "b"), {"en": ("x", "y"), "es": ("x",)})


def test_labels_stay_with_their_rows_and_are_one_each():
    labelled = ParallelSet(("a", "b"), {"en": ("x", "y"), "es": ("u", "v")}, labels=("one", ""))
    assert labelled.select(["es"], 1).labels == ("one",)
    assert labelled.usable(["en"]).labels == ("one", "")
    assert labelled.digest("en") == ParallelSet(("c", "d"), {"en": ("x", "y")}).digest("en")
    with pytest.raises(CorpusError, match="1 labels for 2 rows"):
        ParallelSet(("a", "b"), {"en": ("x", "y")}, labels=("one",))


def test_a_languages_digest_is_of_its_sentences_alone(flores, tmp_path):
    from_flores = load_corpus(f"flores:{flores}").evaluation[0]
    rows = "".join(f"q{n}\t{'dev' if n < 2 else 'test'}\t{SPANISH[n]}\t{ENGLISH[n]}\n" for n in range(5))
    from_table = load_corpus(table(tmp_path, "id\tsplit\tes\ten\n" + rows, "t.tsv")).evaluation[0]
    assert from_flores.ids != from_table.ids
    for code in ("en", "es"):
        assert from_flores.digest(code) == from_table.digest(code)
    # Written out anew: SHA-256 over each sentence's length (8 bytes, big-endian) and UTF-8.
    expected = b"".join(len(s.encode()).to_bytes(8, "big") + s.encode() for s in SPANISH[2:])
    assert from_flores.digest("spa") == hashlib.sha256(expected).hexdigest()


def test_a_languages_digest_sees_where_sentences_begin_and_in_what_order():
    digests = {
        ParallelSet(("1", "2"), {"en": texts}).digest("en")
        for texts in [("ab", "c"), ("a", "bc"), ("c", "ab"), ("", "abc")]
    }
    assert len(digests) == 4


def test_the_corpus_digest_is_of_content_and_role_not_of_place(flores, tmp_path):
    original = load_corpus(f"flores:{flores}").digest
    moved = flores.rename(tmp_path / "elsewhere")
    assert load_corpus(f"flores:{moved}").digest == original
    (moved / "dev").rename(moved / "tmp")
    for old, new in (("devtest", "dev"), ("tmp", "devtest")):
        (moved / old).rename(moved / new)
        for path in (moved / new).iterdir():
            path.rename(path.with_suffix(f".{new}"))
    assert load_corpus(f"flores:{moved}").digest != original


def test_one_changed_character_changes_the_digest(flores):
    before = load_corpus(f"flores:{flores}").digest
    write(flores / "dev" / "spa_Latn.dev", lines("Un perro!", SPANISH[1]))
    assert load_corpus(f"flores:{flores}").digest != before
