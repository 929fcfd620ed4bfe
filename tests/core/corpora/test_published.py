"""Corpora are read exactly as they lie, and what no experiment should run on is refused where it lies."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from core.corpora.corpus import ParallelSet
from core.corpora.load import load_corpus
from core.corpora.table_corpus import load_embedded
from core.errors import CorpusError
from tests.helpers.corpora import CHINESE, ENGLISH, SPANISH, lines, refusal, table, write


@pytest.fixture
def flores(tmp_path: Path) -> Path:
    for split, rows in {"dev": slice(0, 2), "devtest": slice(2, 5)}.items():
        for code, sentences in {"eng_Latn": ENGLISH, "spa_Latn": SPANISH, "zho_Hans": CHINESE}.items():
            write(tmp_path / "flores" / split / f"{code}.{split}", lines(*sentences[rows]))
    return tmp_path / "flores"


@pytest.fixture
def tatoeba(tmp_path: Path) -> Path:
    folder = tmp_path / "tatoeba"
    write(folder / "tatoeba.cmn-eng.cmn", lines(*CHINESE))
    write(folder / "tatoeba.cmn-eng.eng", lines(*ENGLISH))
    write(folder / "tatoeba.spa-eng.spa", lines(*reversed(SPANISH)))
    write(folder / "tatoeba.spa-eng.eng", lines(*reversed(ENGLISH)))
    return folder


# What a corpus is


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
    assert caught.value.instead == "Choose from: en, es, zh"


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


# Specs


@pytest.mark.parametrize("spec", ["nonsense", "csv:/x.csv", "", "embedded:x", "flores", "flores:", "table: "])
def test_an_unknown_spec_is_answered_with_the_forms_there_are(spec):
    error = refusal(spec)
    assert error.instead == "Write one of: embedded, flores:DIR, tatoeba:DIR, bucc:DIR, table:FILE"


# FLORES


def test_flores_probes_with_dev_and_evaluates_on_devtest(flores):
    corpus = load_corpus(f"flores:{flores}")
    assert corpus.probe is not None
    assert corpus.languages == corpus.probe_languages == ("en", "es", "zh")
    assert corpus.probe.texts == {"en": tuple(ENGLISH[:2]), "es": tuple(SPANISH[:2]), "zh": tuple(CHINESE[:2])}
    (evaluation,) = corpus.evaluation
    assert evaluation.texts["zh"] == tuple(CHINESE[2:])
    assert evaluation.ids == ("devtest:1", "devtest:2", "devtest:3")
    assert (corpus.spec, corpus.kind, corpus.licence) == (f"flores:{flores}", "flores", "CC-BY-SA 4.0")
    assert corpus.notes == ("Probe: the 2 sentences of dev; evaluation: the 3 of devtest.",)


def test_flores_is_found_in_the_folder_that_the_archive_was_unpacked_in(flores):
    below = load_corpus(f"flores:{flores.parent}")
    assert below.digest == load_corpus(f"flores:{flores}").digest


def test_of_several_flores_folders_one_must_be_named(flores):
    for split in ("dev", "devtest"):
        write(flores.parent / "second" / split / f"eng_Latn.{split}", "x\n")
    error = refusal(f"flores:{flores.parent}")
    assert "flores, second" in error.why


def test_files_that_are_no_language_are_passed_over(flores):
    write(flores / "dev" / "README.md", "about")
    write(flores / "dev" / "._eng_Latn.dev", b"\x00\x05\x16\x07")
    assert load_corpus(f"flores:{flores}").languages == ("en", "es", "zh")


def test_a_language_in_one_split_only_is_left_out_and_noted(flores):
    write(flores / "devtest" / "deu_Latn.devtest", lines("a", "b", "c"))
    (flores / "devtest" / "zho_Hans.devtest").unlink()
    corpus = load_corpus(f"flores:{flores}")
    assert corpus.languages == corpus.probe_languages == ("en", "es")
    assert "Left out, because only in dev: zh." in corpus.notes
    assert "Left out, because only in devtest: de." in corpus.notes


def test_published_repeats_are_kept_and_noted(flores):
    write(flores / "devtest" / "spa_Latn.devtest", lines(SPANISH[0], "Lo mismo.", "Lo mismo."))
    corpus = load_corpus(f"flores:{flores}")
    assert corpus.evaluation[0].texts["es"] == (SPANISH[0], "Lo mismo.", "Lo mismo.")
    assert "Sentences in devtest that repeat an earlier one, kept as published: es 1." in corpus.notes
    assert "Sentences that are in both probe and evaluation, kept as published: es 1." in corpus.notes


def test_only_surrounding_white_space_is_taken_off(flores):
    # A decomposed accent, an ideographic space around, a line separator and two spaces within, Windows line ends.
    write(flores / "dev" / "spa_Latn.dev", "\ufeff\u3000Un  pe\u0301rro\u2028aqui\u0301.\u00a0\r\nDos.\r\n")
    corpus = load_corpus(f"flores:{flores}")
    assert corpus.probe is not None
    assert corpus.probe.texts["es"] == ("Un  pe\u0301rro\u2028aqui\u0301.", "Dos.")


def test_a_last_line_without_a_line_end_counts(flores):
    write(flores / "dev" / "spa_Latn.dev", "Un perro.\nDos gatos.")
    assert load_corpus(f"flores:{flores}").probe_languages == ("en", "es", "zh")


def test_flores_files_of_unequal_length_are_refused(flores):
    write(flores / "dev" / "spa_Latn.dev", lines(*SPANISH))
    error = refusal(f"flores:{flores}")
    for fact in ("eng_Latn.dev has 2 lines", "spa_Latn.dev has 5"):
        assert fact in error.why
    assert "Get both files again" in error.instead


def test_blank_lines_are_refused_with_their_numbers(flores):
    write(flores / "dev" / "spa_Latn.dev", "Un perro.\n \u3000\u200b\n")
    error = refusal(f"flores:{flores}")
    assert "spa_Latn.dev has blank sentences: line 2" in error.why


def test_many_blank_lines_are_counted_not_listed(flores):
    write(flores / "dev" / "spa_Latn.dev", "\n" * 20)
    assert refusal(f"flores:{flores}").why.endswith("line 1, line 2, line 3, line 4, line 5 and 15 more")


def test_bytes_that_are_not_utf8_are_refused_with_file_and_line(flores):
    write(flores / "devtest" / "spa_Latn.devtest", b"uno\ndos\ntr\xe9s\n")
    error = refusal(f"flores:{flores}")
    assert "line 3" in error.why
    assert "spa_Latn.devtest is not UTF-8 (byte 0xe9)" in error.why
    assert "UTF-8" in error.instead


def test_a_control_character_is_refused_with_file_and_line(flores):
    write(flores / "dev" / "spa_Latn.dev", "Un perro.\nDos\0gatos.\n")
    error = refusal(f"flores:{flores}")
    assert "spa_Latn.dev" in error.why
    assert "a character that is not text (U+0000): line 2" in error.why


def test_an_empty_file_is_refused(flores):
    write(flores / "dev" / "spa_Latn.dev", "")
    error = refusal(f"flores:{flores}")
    assert "spa_Latn.dev is empty" in error.why


def test_a_file_with_an_unknown_code_is_refused(flores):
    write(flores / "dev" / "qqx_Latn.dev", lines("a", "b"))
    error = refusal(f"flores:{flores}")
    assert "qqx_Latn.dev" in error.why
    assert "Rename the file" in error.instead


def test_two_files_of_one_language_are_refused(flores):
    write(flores / "dev" / "es.dev", lines(*SPANISH[:2]))
    error = refusal(f"flores:{flores}")
    for fact in ("es.dev", "spa_Latn.dev", "same language, 'es'"):
        assert fact in error.why


def test_fewer_than_two_languages_are_refused(flores):
    for code in ("spa_Latn", "zho_Hans"):
        (flores / "dev" / f"{code}.dev").unlink()
    error = refusal(f"flores:{flores}")
    assert "1 languages in common (en)" in error.why
    assert "at least 2" in error.instead


def test_too_few_lines_are_refused(flores):
    for path in (flores / "dev").iterdir():
        write(path, "One.\n")
    error = refusal(f"flores:{flores}")
    assert "eng_Latn.dev has only 1 lines" in error.why


@pytest.mark.parametrize("kind", ["flores", "tatoeba", "bucc"])
def test_a_missing_folder_is_refused(kind, tmp_path):
    error = refusal(f"{kind}:{tmp_path / 'nowhere'}")
    assert f"there is no folder {tmp_path / 'nowhere'}" in error.why


@pytest.mark.parametrize("kind", ["flores", "tatoeba", "bucc"])
def test_a_file_in_place_of_a_folder_is_refused(kind, tmp_path):
    error = refusal(f"{kind}:{write(tmp_path / 'a.csv', 'en,es')}")
    assert "is a file, not a folder" in error.why
    assert "table:FILE" in error.instead


@pytest.mark.parametrize(
    ("kind", "layout"), [("flores", "dev/ and devtest/"), ("tatoeba", "tatoeba.<lang>-eng.<lang>")]
)
def test_a_folder_of_another_layout_is_refused(kind, layout, tmp_path):
    assert layout in refusal(f"{kind}:{tmp_path}").why


# Tatoeba


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


def test_a_second_pair_of_one_language_is_left_out_and_noted(tatoeba):
    for code in ("dtp", "kzj"):  # merged by IANA, two files in the published set
        write(tatoeba / f"tatoeba.{code}-eng.{code}", lines(*(f"{code} {text}" for text in SPANISH)))
        write(tatoeba / f"tatoeba.{code}-eng.eng", lines(*ENGLISH))
    corpus = load_corpus(f"tatoeba:{tatoeba}")
    assert corpus.languages == ("en", "zh", "dtp", "es")
    assert corpus.evaluation[1].texts["dtp"][0] == "dtp Un perro."
    assert any("kzj-eng is left out" in note for note in corpus.notes)


def test_a_pair_with_one_side_missing_is_refused(tatoeba):
    (tatoeba / "tatoeba.spa-eng.eng").unlink()
    assert "tatoeba.spa-eng.eng" in refusal(f"tatoeba:{tatoeba}").why
    write(tatoeba / "tatoeba.spa-eng.eng", lines(*ENGLISH))
    (tatoeba / "tatoeba.spa-eng.spa").unlink()
    assert "tatoeba.spa-eng.spa" in refusal(f"tatoeba:{tatoeba}").why


def test_a_pair_of_unequal_length_is_refused(tatoeba):
    write(tatoeba / "tatoeba.spa-eng.eng", lines(*ENGLISH, "Six."))
    error = refusal(f"tatoeba:{tatoeba}")
    assert "tatoeba.spa-eng.eng has 6 lines" in error.why
    assert "tatoeba.spa-eng.spa has 5" in error.why


def test_repeats_in_tatoeba_are_noted(tatoeba):
    write(tatoeba / "tatoeba.spa-eng.eng", lines(*ENGLISH[:4], ENGLISH[0]))
    notes = load_corpus(f"tatoeba:{tatoeba}").notes
    assert "Sentences in spa-eng that repeat an earlier one, kept as published: en 1." in notes


# The embedded sentences


def embedded(tmp_path: Path, *extra: str) -> Path:
    rows = [
        f"s{n}\t{'probe' if n < 3 else 'evaluation'}\tpets\t{ENGLISH[n]}\t{SPANISH[n]}\t{CHINESE[n]}" for n in range(5)
    ]
    return write(tmp_path / "sentences.tsv", lines("id\tsplit\ttopic\ten\tes\tzh", *rows, *extra))


def test_the_embedded_sentences_are_read_by_their_split(tmp_path):
    corpus = load_embedded("embedded", embedded(tmp_path))
    assert corpus.probe is not None
    assert (corpus.kind, corpus.notes) == ("embedded", ())
    assert corpus.probe.ids == ("s0", "s1", "s2")
    assert corpus.evaluation[0].texts["zh"] == tuple(CHINESE[3:])
    assert corpus.languages == ("en", "es", "zh")


def test_a_repeat_in_the_embedded_sentences_is_refused(tmp_path):
    path = embedded(tmp_path, "s9\tprobe\tpets\tSix.\tUn perro.\t六")
    with pytest.raises(CorpusError, match=r"'es' has the same sentence on line 2 \(id 's0'\) and line 7 \(id 's9'\)"):
        load_embedded("embedded", path)


def test_embedded_sentences_that_are_not_installed_are_refused(tmp_path):
    with pytest.raises(CorpusError, match="missing from this installation"):
        load_embedded("embedded", tmp_path / "sentences.tsv")
