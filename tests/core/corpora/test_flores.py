"""FLORES is read as it was published, in every layout; what is odd in it is noted."""

from __future__ import annotations

import pytest

from core.corpora.load import load_corpus
from core.errors import CorpusError
from tests.helpers.corpora import CHINESE, ENGLISH, SPANISH, lines, oddities, refusal, write


def test_flores_probes_with_dev_and_evaluates_on_devtest(flores):
    corpus = load_corpus(f"flores:{flores}")
    assert corpus.probe is not None
    assert corpus.languages == corpus.probe_languages == ("en", "es", "zh")
    assert corpus.probe.texts == {"en": tuple(ENGLISH[:2]), "es": tuple(SPANISH[:2]), "zh": tuple(CHINESE[:2])}
    (evaluation,) = corpus.evaluation
    assert evaluation.texts["zh"] == tuple(CHINESE[2:])
    assert evaluation.ids == ("devtest:1", "devtest:2", "devtest:3")
    assert (corpus.spec, corpus.kind, corpus.licence) == (f"flores:{flores}", "flores", "CC-BY-SA 4.0")
    assert (corpus.title, corpus.source) == ("FLORES-200", f"NLLB Team 2022, read from {flores}")


def test_each_side_says_which_split_it_is_of(flores):
    corpus = load_corpus(f"flores:{flores}")
    assert corpus.probe is not None
    assert corpus.notes == ()
    assert corpus.probe.select(["en"], 2).notes == ("Probe rows are of dev, which has 2 sentences.",)
    assert corpus.evaluation[0].usable().notes == ("Evaluation rows are of devtest, which has 3 sentences.",)
    assert corpus.every_note == (*corpus.probe.notes, *corpus.evaluation[0].notes)
    assert all(note in corpus._repr_html_() for note in corpus.every_note)


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
    notes = oddities(corpus.evaluation[0].select(["en", "es"]))
    assert notes == ("Sentences in devtest that repeat an earlier one, kept as published: es 1.",)
    assert oddities(corpus.evaluation[0].select(["en"])) == ()


def test_only_surrounding_white_space_is_taken_off(flores):
    # A decomposed accent, an ideographic space around, a line separator and two spaces within, Windows line ends.
    write(flores / "dev" / "spa_Latn.dev", "\ufeff\u3000Un  pe\u0301rro\u2028aqui\u0301.\u00a0\r\nDos.\r\n")
    corpus = load_corpus(f"flores:{flores}")
    assert corpus.probe is not None
    assert corpus.probe.texts["es"] == ("Un  pe\u0301rro\u2028aqui\u0301.", "Dos.")


def test_a_last_line_without_a_line_end_counts(flores):
    write(flores / "dev" / "spa_Latn.dev", "Un perro.\nDos gatos.")
    assert load_corpus(f"flores:{flores}").probe_languages == ("en", "es", "zh")


def test_a_file_whose_lines_do_not_correspond_is_left_out_and_refused_by_name(flores):
    write(flores / "dev" / "spa_Latn.dev", lines(*SPANISH))
    probe = load_corpus(f"flores:{flores}").probe
    assert probe is not None
    assert probe.usable().languages == ("en", "zh")
    (note,) = oddities(probe.usable())
    for fact in ("es is left out", "eng_Latn.dev has 2 lines", "spa_Latn.dev has 5"):
        assert fact in note
    with pytest.raises(CorpusError, match=r"spa_Latn.dev has 5.*Get both files again"):
        probe.select(["es"])


BAD = {
    "a blank line": ("\n".join([" \u3000\u200b", "Dos."]), "spa_Latn.dev has blank sentences: line 1"),
    "only blank lines": ("\n" * 20, "spa_Latn.dev holds no sentence"),
    "other bytes": (b"uno\ntr\xe9s\n", "line 2 of {} is not UTF-8 (byte 0xe9)"),
    "nothing": ("", "{} is empty"),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_file_that_cannot_be_used_is_left_out_and_refused_by_name(content, flores):
    text, why = content
    path = write(flores / "dev" / "spa_Latn.dev", text)
    probe = load_corpus(f"flores:{flores}").probe
    assert probe is not None
    assert probe.usable().languages == ("en", "zh")
    assert why.format(path) in oddities(probe.usable())[0]
    with pytest.raises(CorpusError) as caught:
        probe.select(["en", "es"])
    assert why.format(path) in caught.value.why
    assert oddities(probe.select(["en", "zh"])) == ()  # whoever does not ask for it does not hear of it


def test_the_first_file_may_be_the_one_that_cannot_be_used(flores):
    write(flores / "dev" / "eng_Latn.dev", "")
    probe = load_corpus(f"flores:{flores}").probe
    assert probe is not None
    assert probe.usable().languages == ("es", "zh")


@pytest.mark.parametrize("count", [1, 3])
def test_blank_lines_at_the_end_are_left_out_with_a_note(count, flores):
    write(flores / "dev" / "spa_Latn.dev", lines(*SPANISH[:2]) + "\n" * count)
    probe = load_corpus(f"flores:{flores}").probe
    assert probe is not None
    chosen = probe.select(["es"])
    assert chosen.texts["es"] == tuple(SPANISH[:2])
    said = "a blank last line is" if count == 1 else "3 blank lines at the end are"
    assert oddities(chosen) == (f"spa_Latn.dev: {said} left out.",)


def test_a_control_character_is_kept_and_noted(flores):
    """As in line 839 of Shan in the release."""
    write(flores / "dev" / "spa_Latn.dev", "Un perro.\nDos\x08gatos.\n")
    probe = load_corpus(f"flores:{flores}").probe
    assert probe is not None
    assert probe.select(["es"]).texts["es"] == ("Un perro.", "Dos\x08gatos.")
    assert oddities(probe.select(["es"])) == ("spa_Latn.dev: line 2 holds U+0008, kept as published.",)


def test_a_file_that_is_no_language_is_left_out_with_a_note(flores):
    for split in ("dev", "devtest"):
        write(flores / split / f"README.{split}", "about")
        write(flores / split / f"qqx_Latn.{split}", lines("a", "b"))
    corpus = load_corpus(f"flores:{flores}")
    assert corpus.languages == ("en", "es", "zh")
    assert "README.dev is left out: 'README' is no language code that is known." in corpus.notes
    assert "qqx_Latn.devtest is left out: 'qqx_Latn' is no language code that is known." in corpus.notes


def test_of_two_files_of_one_language_the_first_is_read(flores):
    for split in ("dev", "devtest"):
        write(flores / split / f"spa.{split}", lines(*reversed(SPANISH)))
    corpus = load_corpus(f"flores:{flores}")
    assert set(corpus.languages) == {"en", "es", "zh"}
    assert "spa_Latn.dev is left out: it is 'es', as spa.dev is." in corpus.notes


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


def test_languages_are_read_when_they_are_asked_for(flores):
    """A language's file may be damaged without harm to whoever does not ask for it."""
    corpus = load_corpus(f"flores:{flores}")
    for path in flores.rglob("zho_Hans.*"):
        path.write_bytes(b"\xff")
    assert corpus.evaluation[0].select(["en", "es"]).texts["es"] == tuple(SPANISH[2:])


LAYOUTS = {  # the names of three languages, what the third of them is, the release, and whose it is
    "FLORES+": ("dev.eng_Latn dev.spa_Latn dev.cat_Latn_vale1252", "ca-valencia", "Open Language Data Initiative"),
    "FLORES-101": ("eng.dev spa.dev zho_simpl.dev", "zh", "Goyal et al. 2022"),
    "FLORES-200": ("en.dev es.dev zh.dev", "zh", "NLLB Team 2022"),  # whose codes somebody has made short
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_layouts_are_read_and_named(layout, tmp_path):
    texts = (ENGLISH, SPANISH, CHINESE)
    names, third, authors = LAYOUTS[layout]
    for name, sentences in zip(names.split(), texts, strict=True):
        write(tmp_path / "dev" / name, lines(*sentences[:2]))
        write(tmp_path / "devtest" / name.replace("dev", "devtest"), lines(*sentences[2:]))
    corpus = load_corpus(f"flores:{tmp_path}")
    assert set(corpus.languages) == {"en", "es", third}
    assert corpus.evaluation[0].texts[third] == tuple(CHINESE[2:])
    assert (corpus.title, corpus.source) == (layout, f"{authors}, read from {tmp_path}")
