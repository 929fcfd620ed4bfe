"""The Sentences page: neighbours are core's, texts are texts, the sentence is in the link."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import streamlit as st

from core.analyses import translation_ranks
from core.analyses.sentence_neighbours import of_sentence
from core.corpora.corpus import ParallelSet
from core.experiment.settings import Experiment
from core.spaces.neighbours import Neighbours
from dashboard.charts import theme
from dashboard.page import sentences
from dashboard.sentence_map import points
from dashboard.state import navigation
from dashboard.work import process
from tests.helpers.bench import until
from tests.helpers.pages import OpenPage, experiment_of, page_of, visitor_of
from tests.helpers.results import make_result


def test_a_texts_markup_is_shown_not_obeyed() -> None:
    near = Neighbours(np.array([1, 0]), np.array([0.9, 0.8], dtype=np.float32), 3, 0.5)
    made = sentences.neighbours_html(near, 2, ("<b>x</b>", "**y**", "z & z"), ("", "", ""))
    assert "<b>" not in made
    assert "&lt;b&gt;x&lt;/b&gt;" in made
    assert made.index("**y**") < made.index("&lt;b&gt;")
    assert made.count("ln-own") == 1  # the translation, which is further down
    assert made.index("ln-own") > made.index("…")
    assert 'dir="auto"' in made


def test_a_sentence_says_what_it_means_in_english() -> None:
    made = sentences.quotation("<i>犬</i>", "the <b>dog</b>")
    assert "&lt;i&gt;犬" in made
    assert "the &lt;b&gt;dog" in made
    assert "<small" not in sentences.quotation("a dog", "")


def test_what_became_of_a_sentence() -> None:
    assert [points.outcome(*ranks) for ranks in ((1, 1), (4, 1), (1, 2), (3, 9))] == [
        "found in both",
        "fixed",
        "broken",
        "found in neither",
    ]


def test_the_page_shows_cores_ranks_and_the_links_sentence(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page("sentences", **{"view.query": "en", "view.candidate": "ja", "view.row": "3"})
    until(lambda: page.run().dataframe, "the result is there")
    assert not page.exception
    engine, asked = process.engine(), experiment_of(page)
    found = engine.answer(asked, lambda run: of_sentence(run, 0, "en", 3))
    table = page.dataframe[0].value.set_index("language")
    for code, (pre, post) in found.found.items():
        assert table.loc[theme.name(code), "rank before"] == pre.own_rank
        assert table.loc[theme.name(code), "rank after"] == post.own_rank
    result = engine.known(asked)
    assert result is not None
    assert table.loc["Japanese", "translation"] == result.plan.groups[0].texts["ja"][3]

    opened: list[dict[str, str]] = []  # only a browser can make the switch itself
    monkeypatch.setattr(st, "switch_page", lambda _, query_params: opened.append(query_params))
    before = visitor_of(page).link or {}
    page.button(key="edit-sentence").click().run()
    assert opened == [before | {"view.own": result.plan.groups[0].texts["en"][3], "view.own-in": "en"}]

    pre, post = engine.answer(asked, translation_ranks.both)
    changed = {code: int(((pre.of(code) == 1) != (post.of(code) == 1)).sum()) for _, code in pre.candidates}
    candidate = max(changed, key=changed.__getitem__)
    assert changed[candidate] > 0
    from_target = open_page("sentences", **{"view.candidate": candidate})
    fixed = int(((pre.of(candidate) > 1) & (post.of(candidate) == 1)).sum())
    broken = int(((pre.of(candidate) == 1) & (post.of(candidate) > 1)).sum())
    titles = [title.value for title in from_target.header]
    n = len(result.plan.groups[0])
    assert f"Fixed by the intervention: {fixed} of {n}" in titles
    assert f"Broken by it: {broken} of {n}" in titles
    lists = [each.value for each in from_target.dataframe if "in English" in each.value]
    assert len(lists) == (fixed > 0) + (broken > 0)
    for table in lists:
        ours = result.plan.groups[0].texts
        assert [ours["en"][row] for row in table["row"]] == table["in English"].tolist()


def test_a_row_that_is_not_there_is_the_first(open_page: OpenPage) -> None:
    page = open_page("sentences", **{"view.row": "9999"})
    until(lambda: page.run().dataframe, "the result is there")
    assert not page.exception
    assert [box.value for box in page.selectbox if box.label == "Sentence"] == ["0"]


def _pinned_of_pairs() -> None:
    """A sentence of a corpus of pairs is pinned on the map; what its button opens, and the text that it stands for."""
    from dataclasses import replace

    import streamlit as st

    from core.corpora.corpus import ParallelSet
    from core.experiment.settings import Experiment
    from dashboard.page import map_panel, sentences
    from dashboard.sentence_map import points
    from dashboard.state import link, navigation, session
    from tests.helpers.results import make_result

    def pair(code: str) -> ParallelSet:
        texts = {one: tuple(f"{one} of {code} {row}" for row in "abc") for one in ("en", code)}
        return ParallelSet(tuple("abc"), texts)

    asked = Experiment(model="made", corpus="made", target="ja", targets=("Romance",))
    visitor, result = session.visitor(), make_result(replace(asked, targets=("ja", "es", "fr")))  # as a plan has them
    visitor.experiment = asked
    plan = replace(result.plan, groups=(pair("ja"), pair("zh")))
    table = points.frame(replace(result, plan=plan), [3, 3], None)
    (at,) = table.index[table["text"] == "en of zh b"]
    visitor.sees("")
    visitor.view("sentences")["candidate"] = "ja"  # of the other pair
    navigation.switch = visitor.sees  # type: ignore[assignment]
    map_panel._pinned(replace(result, plan=plan), table, at)
    if visitor.page == "sentences":
        opened = visitor.view()
        group = sentences._group(plan, opened["query"], opened["candidate"])
        st.text(plan.groups[group].texts[opened["query"]][int(opened["row"])])
        st.text(",".join(sentences.candidates_of(plan, "en")))
        st.text(link.to_query(session.experiment())["targets"])


def test_the_map_opens_a_sentence_of_its_own_pair_and_keeps_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(navigation, "switch", navigation.switch)  # put back afterwards
    page = page_of(_pinned_of_pairs).run()
    page.button(key="open-sentence").click().run()
    assert not page.exception
    assert [text.value for text in page.text[-3:]] == ["en of zh b", "ja,zh", "Romance"]


def test_a_row_of_a_list_is_opened_in_the_group_of_that_list() -> None:
    def rows(*codes: str) -> ParallelSet:
        return ParallelSet(tuple("abc"), dict.fromkeys(codes, tuple("abc")))

    plan = make_result(Experiment(model="made", corpus="made", target="ja")).plan
    plan = replace(plan, groups=(rows("ja", "zh"), rows("ja", "es", "zh")))
    assert sentences._first(sentences.candidates_of(plan, "ja"), "ja") == "zh"
    assert sentences.opening(plan, 1, "ja", 2, "zh") == {"query": "ja", "candidate": "", "group": "1", "row": "2"}


def _two_clicks() -> None:
    """A click on the same row of a list, twice, and what it opens; only a browser can make the switch itself."""
    import numpy as np
    import streamlit as st

    from core.analyses.translation_ranks import Ranks
    from core.experiment.settings import Experiment
    from dashboard.charts import present
    from dashboard.page import sentences
    from dashboard.state import navigation, session
    from tests.helpers.results import make_result

    session.visitor().sees("sentences")
    session.visitor().experiment = Experiment(model="made", corpus="made", target="ja")
    result = make_result(session.experiment())
    n = len(result.plan.groups[0].texts["ja"])
    pre, post = (Ranks(4, ((0, "en"),), {("cosine", "from"): [np.full(n, rank, np.int32)]}) for rank in (2, 1))
    present.table = lambda *_, **__: {"selection": {"rows": [1]}}  # type: ignore[assignment]
    navigation.switch = lambda _: st.text(session.visitor().views["sentences"]["row"])  # type: ignore[assignment]
    for _ in range(2):
        sentences._changed(result, 0, "en", pre, post)


def test_the_same_row_opens_its_sentence_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboard.charts import present

    monkeypatch.setattr(navigation, "switch", navigation.switch)  # put back afterwards
    monkeypatch.setattr(present, "table", present.table)
    page = page_of(_two_clicks).run()
    assert not page.exception
    assert len(page.text) == 2
    assert page.text[0].value == page.text[1].value
