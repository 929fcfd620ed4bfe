"""NTREX-128 is read as it was published: news by documents, varieties, a second reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.corpora.load import load_corpus
from tests.helpers.corpora import CHINESE, ENGLISH, SPANISH, lines, oddities, refusal, write


@pytest.fixture
def ntrex(tmp_path: Path) -> Path:
    folder = tmp_path / "ntrex" / "NTREX-128"
    write(folder / "newstest2019-src.eng.txt", lines(*ENGLISH))
    write(folder / "newstest2019-ref.spa.txt", lines(*SPANISH))
    write(folder / "newstest2019-ref.zho-TW.txt", lines(*CHINESE))
    write(folder / "newstest2019-ref.spa-MX.txt", lines(*(f"{text} Sí." for text in SPANISH)))
    write(folder / "newstest2019-ref-2.spa.txt", lines(*reversed(SPANISH)))
    write(folder.parent / "DOCUMENT_IDS.tsv", "a\nb\nb\nb\nb\n")
    return folder


def test_languages_varieties_and_source(ntrex: Path) -> None:
    corpus = load_corpus(f"ntrex:{ntrex.parent}")
    assert corpus.languages == ("en", "es-MX", "es", "zh-Hant")
    assert (corpus.kind, corpus.licence) == ("ntrex", "CC-BY-SA 4.0")
    assert corpus.evaluation[0].texts["es"] == tuple(SPANISH[1:])
    assert "newstest2019-ref-2.spa.txt is left out: it is a further reference." in corpus.notes


def test_no_document_is_on_both_sides(ntrex: Path) -> None:
    corpus = load_corpus(f"ntrex:{ntrex}")
    assert corpus.probe is not None
    assert corpus.probe.ids == ("newstest2019:1",)
    assert corpus.evaluation[0].ids[0] == "newstest2019:2"
    assert corpus.notes[0] == "No document is in both halves."
    assert corpus.probe.notes == ("Probe rows are of the first half, which has 1 sentence.",)
    assert corpus.evaluation[0].notes == ("Evaluation rows are of the second half, which has 4 sentences.",)
    (ntrex.parent / "DOCUMENT_IDS.tsv").unlink()
    without = load_corpus(f"ntrex:{ntrex}")
    assert not any("document" in note for note in without.every_note)
    assert "Evaluation rows are of the second half, which has 3 sentences." in without.every_note


def test_documents_of_another_release_are_refused(ntrex: Path) -> None:
    write(ntrex.parent / "DOCUMENT_IDS.tsv", "a\n")
    assert "has 1 lines for 5 sentences" in refusal(f"ntrex:{ntrex}").why


def test_repeats_are_kept_and_noted_for_their_side(ntrex: Path) -> None:
    write(ntrex / "newstest2019-ref.spa.txt", lines(*SPANISH[:3], SPANISH[1], SPANISH[4]))
    corpus = load_corpus(f"ntrex:{ntrex}")
    assert corpus.probe is not None
    assert oddities(corpus.probe.select(["es"])) == ()
    assert oddities(corpus.evaluation[0].select(["es"])) == (
        "Sentences in the second half that repeat an earlier one, kept as published: es 1.",
    )
