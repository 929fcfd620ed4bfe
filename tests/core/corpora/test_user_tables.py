"""Sentences in memory are the table that they make, kept by content and refused with the row that is wrong."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.corpora.load import load_corpus
from core.corpora.user_tables import keep_sentences, keep_table
from core.errors import CorpusError
from tests.helpers.tiny import sentences, write_table

LANGUAGES = ("en", "es", "ja")


def lists(n: int = 12) -> dict[str, list[str]]:
    return {code: list(sentences(code, n)) for code in LANGUAGES}


def test_lists_are_the_same_corpus_as_the_table_that_says_the_same(tmp_path: Path) -> None:
    brought = {"split": ["probe"] * 8 + ["evaluation"] * 4, **lists()}
    kept = keep_sentences(brought, tmp_path / "uploads")
    assert kept.digest == load_corpus(write_table(tmp_path / "table.tsv", 8, 4, LANGUAGES)).digest
    assert load_corpus(kept.spec) == kept
    assert kept.evaluation[0].texts["ja"] == sentences("ja", 4, 8)


def test_the_same_sentences_are_one_file_whatever_holds_them(tmp_path: Path) -> None:
    brought = lists()
    forms: list[Mapping[str, list[str]] | pd.DataFrame] = [
        brought,
        {code: [f"  {text}\n" for text in column] for code, column in brought.items()},
        pd.DataFrame(brought, index=range(100, 112)),
    ]
    specs = {keep_sentences(form, tmp_path).spec for form in forms}
    assert len(specs) == 1
    (path,) = tmp_path.iterdir()
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[0])["es"] == brought["es"][0]
    assert keep_table(path.read_bytes(), ".jsonl", tmp_path).spec in specs


def test_a_table_that_is_brought_again_is_as_new(tmp_path: Path) -> None:
    keep_sentences(lists(), tmp_path)
    (path,) = tmp_path.iterdir()
    os.utime(path, (1e9, 1e9))
    before = time.time() - 1
    keep_sentences(lists(), tmp_path)
    assert path.stat().st_mtime > before


def test_all_rows_are_measured_where_the_neurons_are_found_elsewhere(tmp_path: Path) -> None:
    halves, whole = keep_sentences(lists(), tmp_path), keep_sentences(lists(), tmp_path, evaluate_all=True)
    assert halves.probe is not None
    assert (len(halves.probe), len(halves.evaluation[0])) == (6, 6)
    assert whole.probe is None
    assert whole.evaluation[0].texts["en"] == sentences("en", 12)
    marked = {"Split": ["dev"] * 4 + ["test"] * 8, **lists()}
    assert len(keep_sentences(marked, tmp_path, evaluate_all=True).evaluation[0]) == 8


def test_labels_of_rows_in_memory_may_be_numbers_and_missing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"label": pd.Series([3, None] * 6, dtype="Int64"), **lists()})
    assert keep_sentences(frame, tmp_path).evaluation[0].labels == ("3", "") * 3


def test_columns_of_numbers_and_of_other_things_are_left_out_as_those_of_a_file_are(tmp_path: Path) -> None:
    frame = pd.DataFrame({"Nr": range(12), "no": np.linspace(0, 1, 12), "length": [None, 2.5] * 6, **lists()})
    kept = keep_sentences(frame, tmp_path / "uploads")
    assert kept.languages == LANGUAGES
    assert "Columns left out, because they hold no sentences: Nr, no." in kept.notes
    assert "Columns left out, because their names are no languages: length." in kept.notes
    path = tmp_path / "t.parquet"
    frame.to_parquet(path)
    of_a_file = load_corpus(f"table:{path}")
    assert (of_a_file.digest, of_a_file.notes) == (kept.digest, kept.notes)


@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA])
def test_a_topic_may_be_missing(nothing: object, tmp_path: Path) -> None:
    topics = {"topic": ["pets", nothing] * 6, "label": ["a", nothing] * 6}
    kept = keep_sentences({**topics, **lists()}, tmp_path)  # type: ignore[dict-item]
    assert kept.digest == keep_sentences(lists(), tmp_path).digest
    assert kept.evaluation[0].labels == ("a", "") * 3


def test_a_mapping_in_place_of_a_list_gives_its_values(tmp_path: Path) -> None:
    numbered = {language: dict(enumerate(texts)) for language, texts in lists().items()}
    assert keep_sentences(numbered, tmp_path) == keep_sentences(lists(), tmp_path)  # type: ignore[arg-type]


def test_whole_numbers_can_be_row_ids(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": range(7, 19), **lists()})
    assert keep_sentences(frame, tmp_path).evaluation[0].ids[0] == "13"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ({"es": ["una"]}, "different numbers of sentences: en 12, es 1, ja 12"),
        ({"es": "una frase"}, "'es' is one str, not a list"),
        ({"es": 5}, "'es' is one int, not a list"),
        ({"es": set("abcdefghijkl")}, "'es' is a set, whose sentences are in no order"),
        ({"es": [None] * 12}, "row 1 of 'es' is not text but NoneType"),
        ({"es": ["a", "b", float("nan"), *"cdefghijk"]}, "row 3 of 'es' is not text but float"),
        ({"es": ["a", " ", *"bcdefghijk"]}, "column 'es' has blank sentences: row 2"),
        ({"es": ["a", "a", *"bcdefghijk"]}, "same sentence on row 1 and row 2"),
        ({"es": ["a", "\ud83d", *"bcdefghijk"]}, "not text (U+D83D): row 2"),
        ({"no": [1, 2, *"abcdefghij"]}, "row 1 of 'no' is not text but int"),
        ({"no": [True] * 12}, "row 1 of 'no' is not text but bool"),
        ({"split": [1] * 12}, "row 1 of 'split' is not text but int"),
        ({"eng": list("abcdefghijkl")}, "'en' and 'eng' mean the same"),
        ({"split": ["somewhere"] * 12}, "the split 'somewhere' on row 1"),
    ],
)
def test_what_is_wrong_is_said_with_its_row_and_nothing_is_kept(
    spoil: dict[str, object], why: str, tmp_path: Path
) -> None:
    with pytest.raises(CorpusError) as refused:
        keep_sentences({**lists(), **spoil}, tmp_path / "uploads")  # type: ignore[dict-item]
    assert why in refused.value.why
    assert str(tmp_path) not in str(refused.value)
    assert not any((tmp_path / "uploads").glob("*"))


def test_few_rows_few_languages_and_none_at_all_are_refused(tmp_path: Path) -> None:
    for few, why in (({}, "0 columns"), ({"en": lists()["en"]}, "1 columns"), (lists(3), "only 3 rows")):
        with pytest.raises(CorpusError, match=why):
            keep_sentences(few, tmp_path)


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame([["a", "b"]] * 5, columns=["en", "en"])
    with pytest.raises(CorpusError, match="two columns"):
        keep_sentences(frame, tmp_path)
