"""The Transfer page: its frames are core's figures, its sentences say what they hold, and it opens on a tiny model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.analyses import transfer_table
from core.analyses.profit import LIKENESSES, correlations
from core.analyses.transfer import Settings, Space, Transfer
from core.charts import palette
from core.experiment.settings import Experiment
from core.language import typology
from dashboard.charts import transfer as charts
from dashboard.page import earlier, transfer
from dashboard.work import process
from dashboard.work.transfer_questions import TransferQuestion
from tests.helpers.bench import until
from tests.helpers.labelled import CENTRED, POST, PRE, found, write_labelled
from tests.helpers.pages import OpenPage, experiment_of, visitor_of
from tests.helpers.results import make_plan
from tests.helpers.tiny import LANGUAGES

MADE = found({PRE: (0.9, 0.5, 0.2), POST: (0.9, 0.8, 0.1), CENTRED: (0.9, 0.9, 0.9)})


# -- frames and sentences ----------------------------------------------------------------------------------------------


def test_bars_are_the_table_with_marks_where_the_test_is_sure() -> None:
    rows = transfer.bars_frame(MADE, "en").set_index(["test", "space"])
    assert set(rows.index.get_level_values("space")) == set(charts.COLOURS)
    assert rows.loc[("de", "after"), "accuracy"] == pytest.approx(0.8)
    assert rows.loc[("de", "after"), "mark"] == "★"
    assert rows.loc[("en", "after"), "mark"] == ""
    assert rows.loc[("es", "before, own means"), "mark"] == "★"
    lower = transfer.bars_frame(found({PRE: (0.9, 0.9, 0.9), POST: (0.9, 0.2, 0.9)}), "en")
    assert lower[lower["mark"] != ""][["test", "mark"]].to_numpy().tolist() == [["de", "▼"]]


def test_conditions_name_a_table_by_its_file_and_say_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Experiment(model="made", corpus="made", experts=20, probe_corpus="upload:1234.csv", control="random")
    monkeypatch.setattr(transfer.access, "titled", {"upload:1234.csv": "mine.csv"}.__getitem__)
    said = transfer.conditions(make_plan(asked), MADE)
    assert "20 experts of Japanese from mine.csv, set to mean at strength 1 on random neurons, made, layer 4" in said
    assert "1234" not in said
    chosen = make_plan(Experiment(model="made", corpus="upload:1234.csv", select="layer"))
    assert "evaluation rows of each. experts of" not in transfer.conditions(chosen, MADE)
    assert "2,000" not in transfer.conditions(chosen, MADE)


def test_means_stand_with_the_best_first_and_say_what_they_need() -> None:
    rows = transfer.means_frame(MADE, "en")
    assert rows["accuracy"].tolist() == pytest.approx([0.9, 0.45, 0.35])
    assert rows["free map"].tolist() == ["Own means", "", ""]
    assert rows["needs when applied"].tolist() == ["the sentence's language, and all sentences at once", "", ""]


def test_the_matrix_has_a_cell_for_every_training_and_tested_language() -> None:
    hits = dict(MADE.hits) | {("de", space): of for (_, space), of in MADE.hits.items()}
    both = Transfer(MADE.task, "es", 0, hits)
    cells = transfer.matrix_frame(both, Space("post", 0))
    assert len(cells) == 2 * 3
    cell = cells[(cells["query"] == "German") & (cells["candidate"] == "Spanish")].iloc[0]
    assert (cell["pre"], cell["post"], cell["change"]) == pytest.approx((0.2, 0.1, -0.1))
    spec = charts.matrix(cells, ["English", "German", "Spanish"]).to_dict()
    encoding = spec["layer"][0]["encoding"]
    assert (encoding["x"]["title"], encoding["y"]["title"]) == ("tested on", "trained on")


def test_correlations_stand_one_a_row_where_they_can_be_computed() -> None:
    points = pd.DataFrame(
        {"kind": "transfer", "source": "en", "pre": np.arange(12) % 5, "gain": np.arange(12) % 7, "syntax": np.nan}
        | {"family": np.arange(12) % 3, "script": np.nan, "lexical": np.arange(12) / 12}
        | {f"{name}_target": np.nan for name in ("family", "script", "syntax", "lexical")}
    )
    rows = transfer.correlations_frame(correlations(points, 0), "transfer")
    assert rows["likeness"].unique().tolist() == ["kinship", "lexical overlap"]
    assert rows["correlation"].tolist() == ["Pearson's r", "Spearman's rank", "partial r"] * 2
    assert rows["held fixed"].tolist() == ["", "", "pre, lexical", "", "", "pre, family"]
    assert (rows["n"] == 12).all()
    assert (rows["p, Holm"] >= rows["p"]).all()
    assert transfer.correlations_frame(correlations(points, 0), "retrieval").empty


def test_every_point_of_the_chart_on_profit_has_its_name() -> None:
    points = pd.DataFrame({"name": ["A", "B"], "gain": [0.1, -0.1], "low": 0.0, "high": 0.2, "pre": 0.5, "post": 0.6})
    spec = charts.profit(points.assign(lexical=[0.1, 0.3]), "lexical", "overlap", "gain").to_dict()
    marks = [layer["mark"]["type"] for layer in spec["layer"]]
    assert marks == ["rule", "rule", "circle", "text"]
    assert spec["layer"][3]["encoding"]["text"]["field"] == "name"


def test_the_bound_is_a_line_over_the_bars() -> None:
    rows = transfer.bars_frame(MADE, "en")
    spec = charts.bars(rows, 0.25).to_dict()
    rules = [layer for layer in spec["layer"] if layer.get("mark", {}).get("strokeDash")]
    assert spec["datasets"][rules[0]["data"]["name"]] == [{"bound": 0.25}]
    assert charts.COLOURS["before, own means"] == palette.FREE


# -- the page ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_labelled(tmp_path_factory.mktemp("labelled") / "table.tsv")


def charts_of(page: AppTest) -> list[Any]:
    return list(page.get("vega_lite_chart"))


def opened(open_page: OpenPage, corpus: str, **view: str) -> AppTest:
    page = open_page("transfer", corpus=corpus, **{f"view.{name}": value for name, value in view.items()})
    for _ in range(4):
        if charts_of(page):
            break
        until(lambda: not any(job.active for job in process.jobs().all()), "the answer is there")
        page.run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    return " ".join(text.value for text in page.markdown)


def answer(page: AppTest, *asked: Any) -> Transfer:
    found: Transfer | None = TransferQuestion(experiment_of(page), Settings(*asked)).known(process.engine())
    assert found is not None
    return found


def test_opens_with_the_sentence_and_the_bars(open_page: OpenPage, corpus: str) -> None:
    page = opened(open_page, corpus)
    assert page.title[0].value == "Does it help a task?"
    said = transfer_table.lesson(answer(page, ("en",)), "en", 3)
    assert said is not None
    assert transfer_table.sentence(said) in texts(page)
    assert len(charts_of(page)) == 1
    picture = visitor_of(page).part(earlier._LastPictures).by_page["transfer"]  # for when another setting is computed
    assert (picture.experiment, picture.said) == (experiment_of(page), "A classifier trained on English.")
    assert len(page.dataframe) == 1


def test_the_link_says_what_is_shown(open_page: OpenPage, corpus: str) -> None:
    page = opened(open_page, corpus, show="matrix", train="de")
    everything = answer(page, ("all",))
    assert everything.train_languages == LANGUAGES
    assert "From every language to every other" in [title.value for title in page.header]
    page = opened(open_page, corpus, show="layers", beside="all")
    assert answer(page, ("en",), "all").spaces[0].layer == 0
    assert "Without any intervention" in texts(page)


def test_who_profits(open_page: OpenPage, corpus: str) -> None:
    page = opened(open_page, corpus, show="profit", gain="retrieval", likeness="lexical")
    assert "Which languages profit?" in [title.value for title in page.header]
    assert "lexical overlap" in texts(page)
    correlated, points = (table.value for table in page.dataframe)
    assert set(correlated["likeness"]) <= {likeness.title for likeness in LIKENESSES.values()}
    assert len(points) == len(LANGUAGES) - 1
    quiet = " ".join(element.proto.body for element in page.get("html"))
    assert ("lang2vec" in quiet) == (typology.data_file() is None)
    page = opened(open_page, corpus, show="profit", gain="transfer", likeness="lexical_target")
    assert "correlation of the gain with lexical overlap with the target" in texts(page)
    correlated, points = (table.value for table in page.dataframe)
    assert len(points) == len(LANGUAGES) - 2  # neither the language trained on nor the target


def test_sentences_without_labels_are_refused_in_words(open_page: OpenPage) -> None:
    page = open_page("transfer")
    assert not page.exception
    said = " ".join(text.value for text in page.text)
    assert "its rows have no labels" in said
    assert "sib200:DIR" in said
