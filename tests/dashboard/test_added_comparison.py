"""A way of comparing that is added to the table is used and offered wherever sentences are compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from core.analyses import translation_ranks
from core.analyses.sentence_neighbours import of_sentence
from core.pipeline.run import Run
from core.reproduction import measures
from core.reproduction.items.paraphrase import compared
from core.spaces.similarity import COMPARISONS, Comparison, Transformation
from dashboard.work import process
from tests.helpers.bench import until
from tests.helpers.pages import OpenPage, experiment_of

NAME, TITLE = "scaled", "scaled dimensions"


def scaling(rows: np.ndarray) -> Transformation:
    deviation = rows.std(axis=(0, 1))
    return lambda space: np.asarray(space / deviation, dtype=np.float32)


def slow(space: np.ndarray) -> np.ndarray:
    """Whether each sentence finds its translation: (n_languages, n_languages, n_sentences)."""
    flat = space.reshape(-1, space.shape[-1]).astype(np.float64)
    moved = space / np.sqrt(((flat - flat.mean(axis=0)) ** 2).mean(axis=0))
    n = space.shape[1]
    return np.array([[cosine_similarity(a, b).argmax(axis=1) == np.arange(n) for b in moved] for a in moved])


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a programmer adds: one entry."""
    comparison = Comparison(NAME, TITLE, "scaling", "every dimension is divided by its deviation", "nothing", scaling)
    monkeypatch.setitem(COMPARISONS, NAME, comparison)


def test_pages_offer_it_and_ranks_neighbours_and_the_reproduction_use_it(open_page: OpenPage) -> None:
    page = open_page("retrieval", **{"view.metric": NAME})
    until(lambda: page.run().dataframe, "the result is there")
    assert not page.exception
    (picker,) = (control for control in page.segmented_control if control.label == "Compared by")
    assert TITLE in picker.options
    assert picker.value == NAME
    assert "Scaled dimensions: every dimension is divided by its deviation; needs nothing." in picker.proto.help

    engine, asked = process.engine(), experiment_of(page)

    def spaces(run: Run) -> list[np.ndarray]:
        _, intervention = run.spaces()
        return [run.stages.embeddings(0, which, run.plan.layer) for which in (None, intervention)]

    both, plan = engine.answer(asked, spaces), engine.run(asked).plan
    target = plan.languages.index(plan.target)
    hits = [slow(space) for space in both]
    others = [number for number in range(len(plan.languages)) if number != target]
    table = page.dataframe[0].value.set_index("what")["top-1"]
    assert table["Free: scaling"] == pytest.approx(hits[0][target][others].mean())
    assert table[f"The intervention, {TITLE}"] == pytest.approx(hits[1][target][others].mean())
    for found, expected in zip(engine.answer(asked, translation_ranks.both), hits, strict=True):
        for number in others:
            ranks = found.of(plan.languages[number], NAME, "to")
            assert (ranks == 1).tolist() == expected[number, target].tolist()

    near = engine.answer(asked, lambda run: of_sentence(run, 0, "en", 2, NAME))
    rows = [near.found[plan.languages[number]][1].rows[0] for number in others if plan.languages[number] != "en"]
    english = plan.languages.index("en")
    found = [hits[1][english, number, 2] for number in others if number != english]
    assert [row == 2 for row in rows] == found
    sentences = open_page("sentences", **{"view.metric": NAME})
    until(lambda: sentences.run().dataframe, "the result is there")
    assert not sentences.exception
    (picker,) = (control for control in sentences.segmented_control if control.label == "Compared by")
    assert TITLE in picker.options

    reproduced, gains = engine.answer(replace(asked), measures.retrieval_tables)
    mine = reproduced[(reproduced["metric"] == NAME) & (reproduced["query"] == plan.target)]
    for number, space in enumerate(("pre", "post")):
        of_space = mine[mine["space"] == space].set_index("candidate")["top1"]
        for other in others:
            assert of_space[plan.languages[other]] == pytest.approx(hits[number][target, other].mean())
    assert NAME in set(gains["metric"])
    assert NAME in set(engine.answer(asked, measures.distance_table)["metric"])
    sides = (both[0][0], both[0][1])
    assert compared(sides, sides, NAME)["mixed"].tolist() == slow(both[0][:2])[0, 1].tolist()
