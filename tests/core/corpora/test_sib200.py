"""SIB-200 is read as it was published: rows of a split are the same sentences in every language."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.corpora.load import load_corpus
from core.errors import CorpusError
from tests.helpers.corpora import CHINESE, ENGLISH, SPANISH, lines, oddities, write

HEADER = "index_id\tcategory\ttext"


def rows(sentences: list[str], first: int = 10) -> str:
    return lines(HEADER, *(f"{number}\tsports\t{text}" for number, text in enumerate(sentences, start=first)))


@pytest.fixture
def sib200(tmp_path: Path) -> Path:
    folder = tmp_path / "sib" / "data" / "annotated"
    for code, sentences in {"eng_Latn": ENGLISH, "spa_Latn": SPANISH, "zho_Hans": CHINESE}.items():
        write(folder / code / "train.tsv", rows(sentences[:3]))
        write(folder / code / "test.tsv", rows(sentences[3:], 90))
        write(folder / code / "labels.txt", "sports\n")
    write(folder / "nqo_Nkoo.zip", b"PK")
    return folder


@pytest.mark.parametrize("up", [0, 1, 2])
def test_train_probes_and_test_evaluates_from_any_folder_of_the_release(up: int, sib200: Path) -> None:
    folder = (sib200, *sib200.parents)[up]
    corpus = load_corpus(f"sib200:{folder}")
    assert corpus.probe is not None
    assert corpus.languages == corpus.probe_languages == ("en", "es", "zh")
    assert corpus.probe.ids == ("train:10", "train:11", "train:12")
    assert corpus.evaluation[0].texts["es"] == tuple(SPANISH[3:])
    assert corpus.probe.labels == ("sports",) * 3
    assert corpus.evaluation[0].select(["es"], 1).labels == ("sports",)
    assert corpus.notes == ()
    assert corpus.probe.notes == ("Probe rows are of train, which has 3 sentences.",)
    assert corpus.evaluation[0].notes == ("Evaluation rows are of test, which has 2 sentences.",)


def test_a_quotation_mark_is_text(sib200: Path) -> None:
    write(sib200 / "spa_Latn" / "test.tsv", rows(['"Sí" dijo.', '"No'], 90))
    assert load_corpus(f"sib200:{sib200}").evaluation[0].texts["es"] == ('"Sí" dijo.', '"No')


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (rows(SPANISH[3:], 91), "name other rows"),
        (rows(SPANISH[3:4], 90), "has 1, so their lines do not correspond"),
        (lines(HEADER, "90\tsports", "91\tsports\tDos."), "line 2 of"),
        (lines("id\ttopic\ttext", "90\ta\tUno.", "91\ta\tDos."), "has the columns id, topic, text"),
    ],
    ids=["other ids", "fewer", "two cells", "header"],
)
def test_a_file_that_does_not_correspond_is_left_out_and_refused_by_name(text: str, why: str, sib200: Path) -> None:
    write(sib200 / "spa_Latn" / "test.tsv", text)
    evaluation = load_corpus(f"sib200:{sib200}").evaluation[0]
    assert evaluation.usable().languages == ("en", "zh")
    assert why in oddities(evaluation.usable())[0]
    with pytest.raises(CorpusError) as caught:
        evaluation.select(["es"])
    assert why in caught.value.why
