"""NTREX-128 is read as it was published: news by documents, varieties, a second reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.corpora.load import load_corpus
from tests.helpers.corpora import CHINESE, ENGLISH, SPANISH, lines, refusal, write


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
    assert corpus.notes[0] == "Probe: the first 1 sentences; evaluation: the other 4; no document is in both."
    (ntrex.parent / "DOCUMENT_IDS.tsv").unlink()
    assert load_corpus(f"ntrex:{ntrex}").notes[0] == "Probe: the first 2 sentences; evaluation: the other 3."


def test_documents_of_another_release_are_refused(ntrex: Path) -> None:
    write(ntrex.parent / "DOCUMENT_IDS.tsv", "a\n")
    assert "has 1 lines for 5 sentences" in refusal(f"ntrex:{ntrex}").why


def test_repeats_are_kept_and_noted_for_their_side(ntrex: Path) -> None:
    write(ntrex / "newstest2019-ref.spa.txt", lines(*SPANISH[:3], SPANISH[1], SPANISH[4]))
    corpus = load_corpus(f"ntrex:{ntrex}")
    assert corpus.probe is not None
    assert corpus.probe.select(["es"]).notes == ()
    assert corpus.evaluation[0].select(["es"]).notes == (
        "Sentences in the second half that repeat an earlier one, kept as published: es 1.",
    )
