"""The embedded corpus: what it promises, checked by tools that had no part in writing it."""

from __future__ import annotations

import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import verify_corpus
from core.corpora.load import load_corpus
from core.corpora.table_corpus import EMBEDDED_FILE, load_embedded
from core.errors import CorpusError
from core.language.codes import describe
from tests.helpers.corpora import CHINESE, ENGLISH, SPANISH, lines, write

README = EMBEDDED_FILE.with_name("README.md")


@pytest.fixture(scope="module")
def checks() -> list[verify_corpus.Check]:
    return verify_corpus.verify(verify_corpus.read())


def test_has_the_promised_rows_and_languages() -> None:
    corpus = load_corpus("embedded")
    assert corpus.probe is not None
    (evaluation,) = corpus.evaluation
    assert (len(corpus.probe), len(evaluation)) == (200, 200)
    assert len(corpus.languages) >= 12
    assert {"en", "de", "fr", "es", "ja", "zh"} <= set(corpus.languages)
    assert len({describe(code).script_code for code in corpus.languages}) >= 6


def test_no_two_sentences_are_alike() -> None:
    table = verify_corpus.read()
    for code in verify_corpus.languages(table):
        folded = [unicodedata.normalize("NFKC", text).casefold() for text in table[code]]
        assert [text for text, count in Counter(folded).items() if count > 1] == []


def test_english_has_5_to_30_words() -> None:
    words = verify_corpus.read()["en"].str.split().str.len()
    assert words.between(5, 30).all()


def test_both_halves_have_the_same_mix_of_topics() -> None:
    counts = verify_corpus.read().groupby(["topic", "split"]).size().unstack()
    assert (counts["probe"] - counts["evaluation"]).abs().max() <= 1


def test_every_row_has_one_of_at_least_six_labels_with_thirty_rows_each() -> None:
    corpus = load_corpus("embedded")
    assert corpus.probe is not None
    counts = {
        "probe": Counter(corpus.probe.labels),
        "evaluation": Counter(corpus.evaluation[0].labels),
        "all": Counter((corpus.probe.labels or ()) + (corpus.evaluation[0].labels or ())),
    }
    assert len(counts["all"]) >= 6
    assert min(counts["all"].values()) >= 30
    assert min(counts["evaluation"].values()) >= 15
    rows = [line.split("|") for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    quoted = {row[1].strip(" `"): [int(cell) for cell in row[3:6]] for row in rows}
    assert quoted == {label: [side[label] for side in counts.values()] for label in counts["all"]}


def test_labels_leave_the_digest_as_it_was() -> None:
    assert load_corpus("embedded").digest == "ff5bfd1b86c5243c2566cd790ac81c42ae8edbf9f924ca15fbedc8140ae9b5dd"


def test_text_is_clean() -> None:
    table = verify_corpus.read()
    for code in verify_corpus.languages(table):
        for text in table[code]:
            assert text == text.strip()
            assert text == unicodedata.normalize("NFC", text)
            assert not {unicodedata.category(c) for c in text} & {"Cc", "Co", "Cn"}


def test_an_independent_encoder_finds_every_translation(checks: list[verify_corpus.Check]) -> None:
    known = [check for check in checks if check.from_english is not None and check.code != "en"]
    assert len(known) >= 10
    for check in known:
        assert check.from_english is not None
        assert check.to_english is not None
        assert min(check.from_english, check.to_english) >= 0.97, check.misses


def test_every_sentence_is_in_its_language(checks: list[verify_corpus.Check]) -> None:
    for check in checks:
        assert check.identified >= 0.95, check.misses


def test_the_readme_quotes_the_check(checks: list[verify_corpus.Check]) -> None:
    quoted = README.read_text(encoding="utf-8").split("<!-- verify:begin -->\n")[1].split("\n<!-- verify:end -->")[0]
    assert quoted == verify_corpus.table(checks, len(verify_corpus.read()))


def test_a_wrong_translation_is_found_out() -> None:
    table = verify_corpus.read()[["id", "split", "topic", "en", "de", "th"]].head(60).copy()
    table.loc[[3, 7], "de"] = table.loc[[7, 3], "de"].to_numpy()  # two translations swapped
    table.loc[11, "th"] = table.loc[11, "en"]  # left in English
    german, thai = (next(c for c in verify_corpus.verify(table) if c.code == code) for code in ("de", "th"))
    assert german.from_english == pytest.approx(58 / 60)
    assert not german.holds
    assert any("th looks like en: p012" in miss for miss in thai.misses)


def embedded_table(tmp_path: Path, *extra: str) -> Path:
    rows = [
        f"s{n}\t{'probe' if n < 3 else 'evaluation'}\tpets\t{ENGLISH[n]}\t{SPANISH[n]}\t{CHINESE[n]}" for n in range(5)
    ]
    return write(tmp_path / "sentences.tsv", lines("id\tsplit\ttopic\ten\tes\tzh", *rows, *extra))


def test_the_embedded_sentences_are_read_by_their_split(tmp_path):
    corpus = load_embedded("embedded", embedded_table(tmp_path))
    assert corpus.probe is not None
    assert (corpus.kind, corpus.notes) == ("embedded", ())
    assert corpus.probe.ids == ("s0", "s1", "s2")
    assert corpus.evaluation[0].texts["zh"] == tuple(CHINESE[3:])
    assert corpus.languages == ("en", "es", "zh")


def test_a_repeat_in_the_embedded_sentences_is_refused(tmp_path):
    path = embedded_table(tmp_path, "s9\tprobe\tpets\tSix.\tUn perro.\t六")
    with pytest.raises(CorpusError, match=r"'es' has the same sentence on line 2 \(id 's0'\) and line 7 \(id 's9'\)"):
        load_embedded("embedded", path)


def test_embedded_sentences_that_are_not_installed_are_refused(tmp_path):
    with pytest.raises(CorpusError, match="missing from this installation"):
        load_embedded("embedded", tmp_path / "sentences.tsv")
