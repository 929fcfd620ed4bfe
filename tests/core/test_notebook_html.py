"""What objects show of themselves in a notebook: small tables that a screen reader walks through, all text escaped."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from core import notebook_html
from core.corpora.corpus import Corpus, ParallelSet
from core.experiment.settings import Experiment
from core.neurons.experts import Experts
from core.pipeline.result import Result
from tests.helpers.results import make_result
from tests.helpers.tiny import LANGUAGES


class Reader(HTMLParser):
    """The headings and cells of a table, and that every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.scopes: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.scopes += [str(value) for name, value in attrs if name == "scope"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.open[-1], []).append(data)


def test_a_table_has_a_caption_and_headings_and_is_escaped() -> None:
    html = notebook_html.table("<b>", ["name", "<i>"], [("a&b", 1), ("c", "<script>")], ["<p>"])
    read = Reader(html)
    assert read.texts == {"caption": ["<b>"], "th": ["name", "<i>", "a&b", "c"], "td": ["1", "<script>"], "p": ["<p>"]}
    assert read.scopes == ["col", "col", "row", "row"]
    assert "<script>" not in html


def test_a_result_says_what_was_done_what_moved_how_sure_it_is_and_what_is_free(finished: tuple[Result, Path]) -> None:
    result = finished[0]
    lines = repr(result).splitlines()
    assert lines[0].startswith("Japanese: 30 experts, set-mean at strength 0.8")
    assert f"{result.target_top1.pre:.1%} [" in lines[1]
    assert f"-> {result.target_top1.post:.1%} [" in lines[1]
    assert "n = 7" in lines[1]
    assert f"{result.centred.pre:.1%} by subtracting" in lines[2]
    assert f"{result.best_layer[1].pre:.1%} by layer {result.best_layer[0]}" in lines[2]
    read = Reader(result._repr_html_())
    assert read.texts["caption"] == [lines[0]]
    assert "Top-1 from Japanese" in read.texts["th"]
    assert [line.strip() for line in lines[1:]] == read.texts["p"][:2]


def test_a_result_names_the_neurons_as_they_were_chosen_and_counts_in_words() -> None:
    def first_lines(languages: tuple[str, ...] = ("en", "ja"), **changes: Any) -> list[str]:
        asked = Experiment(model="made", corpus="made", target="ja", experts=20, **changes)
        result = make_result(asked, languages)
        targets = changes.get("targets", ())
        return repr(replace(result, plan=replace(result.plan, targets=targets))).splitlines()[:2]

    conditions, retrieved = first_lines()
    assert conditions == "Japanese: 20 experts, set-mean at strength 1, made on made, layer 4 of 4"
    assert retrieved.endswith("mean over 1 candidate set, n = 5")
    assert first_lines(("en", "es", "ja"))[1].endswith("mean over 2 candidate sets, n = 5")
    several = first_lines(targets=("ja", "es"))[0]
    assert several.startswith("Japanese: 20 experts of Japanese and Spanish, set-mean at strength 1")
    drawn = first_lines(control="random")[0]
    assert drawn.startswith("Japanese: 20 random neurons in place of its experts, set-mean at strength 1")


def test_the_interval_holds_that_of_the_mean_over_languages(finished: tuple[Result, Path]) -> None:
    """Wilson's interval at n sentences, by hand."""
    result, n, z = finished[0], 7, 1.959964
    p = result.target_top1.post
    middle, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = ((middle + sign * half) / (1 + z**2 / n) for sign in (-1, 1))
    assert f"{p:.1%} [{100 * low:.1f}, {100 * high:.1f}], mean over" in repr(result)


def test_experts_show_the_best_of_them() -> None:
    experts = Experts(np.arange(12), np.linspace(1.0, 0.5, 12), np.ones(12))
    assert repr(experts) == "Experts(12 neurons, scores 0.500 to 1.000)"
    read = Reader(experts._repr_html_())
    assert read.texts["td"][:3] == ["0", "1.0000", "1"]
    assert read.texts["p"] == ["and 2 more"]
    assert "no scores" in repr(Experts(np.arange(0), np.ones(0), np.ones(0)))


def test_a_corpus_says_its_rows_and_languages_and_not_its_sentences(finished: tuple[Result, Path]) -> None:
    corpus = finished[0].plan.corpus
    assert repr(corpus) == f"Corpus({corpus.spec!r}: 10 probe rows, 7 evaluation rows in {', '.join(LANGUAGES)})"
    assert repr(corpus.probe) == f"ParallelSet(10 rows in {', '.join(LANGUAGES)})"
    read = Reader(corpus._repr_html_())
    assert read.texts["td"] == ["10", "7"] * len(LANGUAGES)
    assert any("Licence: not stated" in text for text in read.texts["p"])


def test_a_corpus_of_many_languages_stays_short() -> None:
    codes = [f"{a}{b}" for a in "abcdefgh" for b in "abcdefgh"]
    rows = ParallelSet(("1",), dict.fromkeys(codes, ("x",)))
    corpus = Corpus("table:x", "table", "<title>", "none", "here", None, (rows,), ("note",))
    assert len(repr(corpus)) < 150
    assert "no probe rows, 1 evaluation rows" in repr(corpus)
    assert repr(corpus).endswith("and 52 more languages)")
    assert "and 34 more languages" in Reader(corpus._repr_html_()).texts["p"]
