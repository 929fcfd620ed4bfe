"""One sentence before and after: its neighbours, its translations, and what was fixed or broken."""

from __future__ import annotations

import html

import numpy as np
import pandas as pd
import streamlit as st

from core import access
from core.analyses.chosen_pairs import ChosenSentences
from core.analyses.own_sentence import LONGEST
from core.analyses.sentence_neighbours import SentenceView, of_sentence
from core.analyses.translation_ranks import Ranks
from core.experiment.plan import Plan
from core.pipeline.result import Result
from core.spaces.neighbours import Neighbours
from core.spaces.similarity import COMPARISONS, Comparison, explained
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import map_view, own_sentence, waiting
from dashboard.sentence_map.points import outcome
from dashboard.state import navigation, page_state, session
from dashboard.work import process

_TALLEST = 600  # pixels of a table
_RANK = 95  # pixels of a column: a "small" one cuts its heading
_COLUMNS = {
    "row": None,
    "rank before": st.column_config.NumberColumn(width=_RANK),
    "rank after": st.column_config.NumberColumn(width=_RANK),
}


def draw() -> None:
    """Draw the page."""
    theme.quiet("Its nearest neighbours before and after, and what was fixed or broken.")
    known = waiting.ranks_or_wait(session.experiment())
    if known is not None:
        _show(*known)


def _show(result: Result, pre: Ranks, post: Ranks) -> None:
    theme.ready()
    plan = result.plan
    own_sentence.draw(result)
    st.header("A sentence of the corpus", anchor=False)
    chosen = map_view.draw_chosen(result, "The lists below are of them and their translations.")
    with st.container(horizontal=True):
        query = page_state.pick("Sentence in", plan.languages, "query", theme.name, plan.target)
        others = candidates_of(plan, query)
        candidate = page_state.pick(
            "Looks for its translation in", others, "candidate", theme.name, _first(others, plan.target)
        )
        comparison = page_state.choice(
            "Compared by", list(COMPARISONS), "metric", lambda name: COMPARISONS[name].title, explained()
        )
    group = _group(plan, query, candidate)
    texts = plan.groups[group].texts[query]
    rows = listed_rows(chosen, group, query, len(texts))
    opened = page_state.whole("row", rows[0], 0, len(texts) - 1)  # a row in the link is listed, chosen or not
    titles = {str(number): f"{number + 1}. {texts[number]}" for number in sorted({opened, *rows})}
    row = int(page_state.pick("Sentence", list(titles), "row", lambda number: titles[number], str(rows[0])))
    view = process.known_beside(session.experiment(), lambda run: of_sentence(run, group, query, row, comparison))
    if view is not None:
        _neighbours(result, (group, query, candidate, row), view, COMPARISONS[comparison])
        _translations(result, group, row, view)
    elif process.engine().origin(result) is not None:
        theme.quiet("The neighbours of a sentence need the embeddings, which a pack does not carry.")
    else:
        theme.problem(
            "The embeddings of this setting were removed from the cache; change a setting and back to compute them."
        )
        return
    if query == plan.target:
        pairs = None if chosen is None else chosen.pairs(group, plan.target, candidate)
        _changed(result, group, candidate, pre, post, pairs)
    else:
        theme.quiet(f"What was fixed and broken is listed for {theme.name(plan.target)}, the target, as the query.")


def listed_rows(chosen: ChosenSentences | None, group: int, query: str, n: int) -> list[int]:
    """Rows of the list of sentences: the chosen ones of this language; all where none of it is chosen."""
    mask = None if chosen is None else chosen.groups[group][query]
    return list(range(n)) if mask is None or not mask.any() else [int(row) for row in np.flatnonzero(mask)]


def candidates_of(plan: Plan, query: str) -> list[str]:
    """Languages that a sentence may look for its translation in: those of every group that holds its language."""
    groups = (group.languages for group in plan.groups if query in group.languages)
    return list(dict.fromkeys(code for languages in groups for code in languages if code != query))


def _holding(plan: Plan, query: str, candidate: str) -> list[int]:
    """Numbers of the groups that hold both languages."""
    return [number for number, group in enumerate(plan.groups) if {query, candidate} <= set(group.languages)]


def _group(plan: Plan, query: str, candidate: str) -> int:
    """The group of rows that holds both languages: a corpus of pairs has one a pair; of several, the link's."""
    holding = _holding(plan, query, candidate)
    asked = page_state.whole("group", holding[0], 0, len(plan.groups) - 1)
    group = asked if asked in holding else holding[0]
    page_state.put("group", str(group), str(holding[0]))
    return group


def opening(plan: Plan, group: int, query: str, row: int, candidate: str = "") -> dict[str, str]:
    """Entries of this page's view that open a row of a group.

    Parameters
    ----------
    candidate : str
        Unless given, the candidate language stays if the group has it.
    """
    others = [code for code in plan.groups[group].languages if code != query]
    kept = candidate or session.visitor().view("sentences").get("candidate", "")
    candidate = kept if kept in others else _first(others, plan.target)
    usual = _first(candidates_of(plan, query), plan.target)
    return {
        "query": query,
        "candidate": "" if candidate == usual else candidate,
        "group": "" if group == _holding(plan, query, candidate)[0] else str(group),
        "row": str(row),
    }


def _first(others: list[str], target: str) -> str:
    return target if target in others else "en" if "en" in others else others[0]


def _neighbours(result: Result, place: tuple[int, str, str, int], view: SentenceView, comparison: Comparison) -> None:
    """Draw the nearest candidates before and after; ``place``: group, query language, candidate language, row."""
    group, query, candidate, row = place
    texts = result.plan.groups[group].texts
    st.html(quotation(texts[query][row], texts["en"][row] if query != "en" and "en" in texts else ""))
    _offer_edit(texts[query][row], query)
    for column, title, near in zip(st.columns(2), ("Before", "After"), view.found[candidate], strict=True):
        with column:
            st.markdown(f"**{title}** · nearest in {theme.name(candidate)}")
            st.html(neighbours_html(near, row, texts[candidate], texts.get("en", ()) if candidate != "en" else ()))
    theme.quiet(
        f"Similarity: {comparison.title}, at layer {result.plan.layer}, among all {len(texts[query]):,} candidates. "
        "The translation is marked; where it is not among the nearest, its rank is given."
    )


def _offer_edit(text: str, language: str) -> None:
    """Offer to copy the sentence into the field for the visitor's own; a server that only reads can embed none."""
    if not access.reads_only() and st.button(
        "Edit this sentence",
        key="edit-sentence",
        icon=":material/edit:",
        type="tertiary",
        help="Copies it into the field Your own sentence, at the top of the page: change a word, and see what moves.",
    ):
        navigation.go("sentences", session.experiment(), own=text[:LONGEST], **{"own-in": language})


def quotation(text: str, english: str) -> str:
    """HTML of the sentence, with its English translation below it."""
    meaning = f'<small dir="ltr">{html.escape(english)}</small>' if english else ""
    return f'<blockquote class="ln-sentence" dir="auto">{html.escape(text)}{meaning}</blockquote>'


def neighbours_html(near: Neighbours, row: int, texts: tuple[str, ...], english: tuple[str, ...]) -> str:
    """HTML list of the nearest candidates, with the translation marked; every text is escaped."""
    items = [
        _item(rank, float(similarity), texts[candidate], english[candidate] if english else "", candidate == row)
        for rank, (candidate, similarity) in enumerate(zip(near.rows.tolist(), near.similarity, strict=True), start=1)
    ]
    if near.own_rank > len(items):
        items.append('<li class="ln-gap">…</li>')
        items.append(_item(near.own_rank, near.own_similarity, texts[row], english[row] if english else "", True))
    return f'<ol class="ln-near">{"".join(items)}</ol>'


def _item(rank: int, similarity: float, text: str, english: str, own: bool) -> str:
    mark = ' class="ln-own" aria-label="the translation"' if own else ""
    meaning = f"<small>{html.escape(english)}</small>" if english else ""
    return (
        f'<li{mark}><span class="ln-rank">{rank}</span><div><span dir="auto">{html.escape(text)}</span>{meaning}</div>'
        f'<span class="ln-sim">{similarity:.3f}</span></li>'
    )


def _translations(result: Result, group: int, row: int, view: SentenceView) -> None:
    st.header("Its translations in all languages", anchor=False)
    texts = result.plan.groups[group].texts
    rows = pd.DataFrame(
        [
            {
                "language": theme.name(code),
                "rank before": pre.own_rank,
                "rank after": post.own_rank,
                "now": outcome(pre.own_rank, post.own_rank),
                "translation": texts[code][row],
            }
            for code, (pre, post) in view.found.items()
        ]
    )
    drawing.table(rows, key="translations", height=min(_TALLEST, 38 + 35 * len(rows)))


def _changed(
    result: Result, group: int, candidate: str, pre: Ranks, post: Ranks, pairs: np.ndarray | None = None
) -> None:
    """Draw the lists of fixed and of broken sentences, of chosen ``pairs`` (n,) alone; a click opens a sentence."""
    before, after = pre.of(candidate), post.of(candidate)
    texts = result.plan.groups[group].texts[result.plan.target]
    if len(before) != len(texts):
        return
    frame = pd.DataFrame({"row": range(len(texts)), "rank before": before, "rank after": after, "sentence": texts})
    english = result.plan.groups[group].texts.get("en")
    if english is not None and result.plan.target != "en":
        frame["in English"] = english
    if pairs is not None:
        frame = frame[pairs]
    before, after = (frame[f"rank {side}"].to_numpy() for side in ("before", "after"))
    for title, rows in (
        ("Fixed by the intervention", frame[(before > 1) & (after == 1)].sort_values("rank before", ascending=False)),
        ("Broken by it", frame[(before == 1) & (after > 1)].sort_values("rank after", ascending=False)),
    ):
        st.header(f"{title}: {len(rows):,} of {len(frame):,}", anchor=False)
        if rows.empty:
            theme.quiet("None.")
            continue
        key = title.split()[0].lower()
        picked = drawing.table(
            rows,
            key=page_state.key(key),
            on_select="rerun",
            selection_mode="single-row",
            column_config=_COLUMNS,
            height=min(300, 38 + 35 * len(rows)),
        )
        selected = picked["selection"]["rows"]
        if selected:  # once: the table that is drawn after the switch has another key, and nothing is selected in it
            row = int(rows.iloc[selected[0]]["row"])
            opened = opening(result.plan, group, result.plan.target, row, candidate)
            navigation.go("sentences", session.experiment(), **opened)
    theme.quiet(
        f"From {theme.name(result.plan.target)} into {theme.name(candidate)}, by cosine. Choose a row to open it."
    )
