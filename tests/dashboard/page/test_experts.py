"""The Experts page, on a tiny model, against the command line, the store and scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df
from streamlit.testing.v1 import AppTest

from core.analyses.experts import ScoredNeurons
from core.cli.main import main
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.neurons.experts import Expertise, Experts
from core.pipeline.engine import Engine
from core.pipeline.stages import Stages
from core.store.store import Store
from dashboard.charts import experts as charts
from dashboard.charts import theme
from dashboard.page import experts
from dashboard.state import link, page_state
from dashboard.work import process
from tests.helpers.bench import until
from tests.helpers.pages import OpenPage
from tests.helpers.results import make_plan

LANGUAGES = ["de", "en", "es", "ja"]


@pytest.fixture
def opened(open_page: OpenPage) -> Any:
    """Open the page and wait for its numbers."""

    def ready(**changes: str) -> AppTest:
        page = open_page("experts", **changes)
        for _ in range(3):
            if is_ready(page):
                break
            until(lambda: not any(job.active for job in process.jobs().all()), "the experts are found")
            page.run()
        assert not page.exception
        assert is_ready(page)
        return page

    return ready


def html(page: AppTest) -> str:
    return " ".join(str(element.proto.body) for element in page.get("html"))


def is_ready(page: AppTest) -> bool:
    return "result-ready" in html(page)


def drawn(page: AppTest, number: int) -> list[pd.DataFrame]:
    """Rows of a chart on the page."""
    proto = page.get("vega_lite_chart")[number].proto
    return [convert_arrow_bytes_to_pandas_df(dataset.data.data) for dataset in proto.datasets]


def ranking(page: AppTest) -> pd.DataFrame:
    return page.dataframe[0].value


def stages(tiny_link: dict[str, str], tiny_cache: Path) -> Stages:
    """What the page's cache holds."""

    def never() -> Any:
        raise AssertionError("no model is needed")

    experiment, problems = link.from_query(tiny_link)
    assert not problems
    return Stages(plan(experiment), Store(tiny_cache), never, only_cached=True)


def test_the_table_is_what_the_command_line_writes(opened: Any, tiny_link: dict[str, str], tmp_path: Path) -> None:
    shown = ranking(opened())
    out = tmp_path / "experts.csv"
    asked = ["experts", "--model", tiny_link["model"], "--corpus", tiny_link["corpus"], "--target", "ja"]
    asked += ["--experts", "20", "--dtype", "float32", "--cache", str(tmp_path / "cache"), "--out", str(out)]
    assert main(asked) == 0
    written = pd.read_csv(out)
    assert list(written.columns) == [*shown.columns, "model"]
    assert written["model"].nunique() == 1
    written = written[list(shown.columns)]
    pd.testing.assert_frame_equal(shown.reset_index(drop=True), written, check_dtype=False, rtol=1e-6, atol=1e-7)


def test_a_tick_is_of_one_table(opened: Any) -> None:
    """It is of a row by its number, and the same row of another target's table is another neuron."""
    tables = [opened(**changes) for changes in ({}, {"strength": "0.5"}, {"target": "es"})]
    ours, weaker, other = (page.dataframe[0].proto.id for page in tables)
    assert ours == weaker != other
    assert ranking(tables[0])["neuron"].tolist() != ranking(tables[2])["neuron"].tolist()


def test_the_best_expert_is_shown_first_with_its_stored_responses(
    opened: Any, tiny_link: dict[str, str], tiny_cache: Path
) -> None:
    page = opened()
    best = ranking(page).iloc[0]
    assert page.main.number_input[-1].value == best["neuron"]
    assert not [name for name in page.query_params if name.startswith(page_state.PREFIX)]
    assert "the value that it is held at" in html(page)
    check_responses(page, int(best["neuron"]), stages(tiny_link, tiny_cache))


@pytest.mark.parametrize(
    ("changes", "held"),
    [
        ({"strength": 1.0}, [0.5, 4.0]),
        ({"strength": 0.5}, []),
        ({"control": "random"}, []),
        ({"method": "set-median"}, []),
    ],
)
def test_a_neuron_is_said_to_be_held_only_at_what_it_is_held_at(changes: dict[str, Any], held: list[float]) -> None:
    setting = Experiment(model="made", corpus="made", **changes)
    chosen = Experts(np.array([3, 7]), np.array([0.9, 0.8]), np.array([0.5, 4.0], np.float32))
    expertise = Expertise(("ja",), np.zeros((1, 9)), np.zeros((1, 9), np.float32))
    scored = ScoredNeurons(make_plan(setting), chosen, expertise, "key")
    tried = [(3, 0.5), (7, 0.5), (7, 4.0), (8, 4.0)]
    assert [value for neuron, value in tried if experts._is_held_at(scored, neuron, value)] == held


def test_a_link_restores_the_neuron_and_the_k_of_the_overlap(
    opened: Any, tiny_link: dict[str, str], tiny_cache: Path
) -> None:
    page = opened(**{"view.neuron": "7", "view.overlap": "50", "view.colour": "share"})
    assert page.main.number_input[-1].value == 7
    assert page.main.select_slider[0].value == 50
    assert any(text.value.startswith("At k = 50,") for text in page.text)
    assert (page.query_params["view.neuron"], page.query_params["view.overlap"]) == ("7", "50")
    check_responses(page, 7, stages(tiny_link, tiny_cache))
    assert 7 not in set(ranking(page)["neuron"])
    assert "it is not held there" in html(page)


def check_responses(page: AppTest, neuron: int, stored: Stages) -> None:
    rows = next(frame for frame in drawn(page, 4) if "text" in frame)
    site, units, _ = next(stored.plan.outline.neurons.by_site(np.array([neuron])))
    for code in LANGUAGES:
        artefact = stored.store.find("responses", stored.responses_spec(code))
        assert artefact is not None
        of_language = rows[rows["language"] == code]
        assert of_language["response"].tolist() == artefact.array(site.path)[units[0]].tolist()
        assert of_language["text"].tolist() == list(stored.plan.probe.texts[code])
    summary = page.dataframe[1].value
    assert summary["language"].iloc[0] == "Japanese"
    for row in summary.itertuples():
        labels = rows["name"] == row.language
        assert row.score == pytest.approx(roc_auc_score(labels, rows["response"]))
        assert row.mean == pytest.approx(rows["response"][labels].mean(), rel=1e-5)


def test_a_typed_and_a_picked_neuron_go_into_the_link(opened: Any) -> None:
    page = opened()
    page.main.number_input[-1].set_value(3).run()
    assert page.query_params["view.neuron"] == "3"
    headings = [html.proto.body for html in page.get("html") if html.proto.body.startswith("<h2>")]
    assert headings[-1] == "<h2>Neuron 3: block 0, gate_proj, unit 3</h2>"  # as text: a pack names its sites
    page.main.number_input[-1].set_value(int(ranking(page)["neuron"].iloc[0])).run()
    assert "view.neuron" not in page.query_params


def test_overlap_is_that_of_the_sets(opened: Any, tiny_link: dict[str, str], tiny_cache: Path) -> None:
    page = opened(**{"view.overlap": "100"})
    found = stages(tiny_link, tiny_cache).expertise()
    best = {
        theme.name(code): set(sorted(range(row.size), key=lambda n, row=row: (-row[n], n))[:100])
        for code, row in zip(found.languages, found.scores, strict=True)
    }
    (rows,) = drawn(page, 2)
    assert len(rows) == 4 * 3
    for row in rows.itertuples():
        assert row.neurons == len(best[row.one] & best[row.other])
        assert row.share == pytest.approx(row.neurons / 100)
    curve = next(frame for frame in drawn(page, 3) if "low" in frame).set_index("k")
    at = curve.loc[100]
    assert at[["mean", "low", "high"]].tolist() == pytest.approx(rows["share"].agg(["mean", "min", "max"]).tolist())
    assert at["chance"] == pytest.approx(100 / found.scores.shape[1])
    assert curve.loc[found.scores.shape[1], "mean"] == pytest.approx(1)


def test_counts_and_histogram_hold_every_neuron(opened: Any) -> None:
    page = opened()
    (sites,) = drawn(page, 0)
    counted = ranking(page).groupby(["layer", "site"]).size()
    assert {(r.block, r.site): r.experts for r in sites.itertuples() if r.experts} == counted.to_dict()
    bars = next(frame for frame in drawn(page, 1) if "who" in frame)
    assert bars.groupby("who")["count"].sum().to_dict() == {"all neurons": sites["width"].sum(), "experts": 20}


def test_experts_of_several_languages_are_of_all_of_them_and_have_no_lowest_score_for_one(opened: Any) -> None:
    page = opened(targets="es")
    scores = ranking(page)["score"]
    said = f"**{len(scores)} experts** of Japanese and Spanish score **{scores.mean():.3f}** on average and at least"
    (summary,) = (text.value for text in page.markdown if "experts** of" in text.value)
    assert said in summary
    assert f"{scores.min():.3f} (AUROC, each for its own language)" in summary
    assert len(page.get("vega_lite_chart")[1].proto.datasets) == 1
    assert "Scores of all neurons for Japanese, where experts of another language may lie anywhere." in html(page)
    assert "(dashed)" not in html(page)


def test_removed_responses_are_said_and_read_again(opened: Any, tiny_link: dict[str, str], tiny_cache: Path) -> None:
    opened()
    engine: Engine = process.engine()
    stored = stages(tiny_link, tiny_cache)
    for code in LANGUAGES:
        engine.store.remove(stored.store.find("responses", stored.responses_spec(code)))
    page = opened()
    assert any("were removed from the cache" in text.value for text in page.text)
    assert len(page.get("vega_lite_chart")) == 4
    next(button for button in page.button if button.label == "Read the neurons again").click().run()
    until(lambda: not any(job.active for job in process.jobs().all()), "the neurons are read")
    page.run()
    assert not page.exception
    check_responses(page, int(ranking(page)["neuron"].iloc[0]), stored)


def test_what_cannot_be_is_refused(open_page: OpenPage) -> None:
    page = open_page("experts", target="xh")
    assert not page.exception
    assert "**Instead**" in [text.value for text in page.markdown]
    assert not is_ready(page)


# -- charts ----------------------------------------------------------------------------------------------------------


def layers(chart: Any) -> list[dict[str, Any]]:
    made = chart.to_dict()
    return [{**x, "rows": made["datasets"][x["data"]["name"]]} for x in made.get("layer", [made])]


def test_the_heat_map_shows_counts_or_shares() -> None:
    rows = pd.DataFrame({"block": [0, 1], "site": "up", "experts": [3, 0], "width": 6, "share": [0.5, 0.0]})
    for by in ("experts", "share"):
        (made,) = layers(charts.sites(rows, by))
        assert made["encoding"]["color"]["field"] == by
        assert {tip["field"] for tip in made["encoding"]["tooltip"]} == {"block", "site", "experts", "width", "share"}
        assert pd.DataFrame(made["rows"]).equals(rows)


def test_the_histogram_begins_at_zero_and_marks_the_cut() -> None:
    rows = pd.DataFrame({"low": [0.0, 0.5], "high": [0.5, 1.0], "neurons": [100, 7], "experts": [0, 7]})
    bars, cut = layers(charts.scores(rows, 0.5, "AUROC"))
    shown = {(row["who"], row["low"]): row["count"] for row in bars["rows"]}
    assert shown == {("all neurons", 0.0): 100, ("all neurons", 0.5): 7, ("experts", 0.5): 7}
    assert bars["encoding"]["y"]["scale"] == {"type": "symlog", "constant": 1}
    assert {row["none"] for row in bars["rows"]} == {0}
    assert cut["rows"] == [{"score": 0.5}]
    (alone,) = layers(charts.scores(rows, None, "AUROC"))
    assert alone["rows"] == bars["rows"]


def test_responses_mark_the_value_and_the_medians() -> None:
    rows = pd.DataFrame({"name": ["A", "A", "A", "B"], "response": [1.0, 2.0, 9.0, 0.5], "text": "<b>t</b>"})
    ticks, medians, held = layers(charts.responses(rows, ["A", "B"], "A", 4.0))
    assert pd.DataFrame(ticks["rows"])[["name", "response"]].equals(rows[["name", "response"]])
    assert {row["name"]: row["response"] for row in medians["rows"]} == {"A": 2.0, "B": 0.5}
    assert held["rows"] == [{"response": 4.0}]
    assert ticks["encoding"]["y"]["sort"] == ["A", "B"]


def test_the_strongest_sentences_of_a_neuron_are_read_token_by_token(open_page: OpenPage) -> None:
    page = open_page("experts", **{"view.top": "1", "view.neuron": "5"})

    def read() -> list[str]:
        return [html.proto.body for html in page.run().get("html") if "ln-tokens" in html.proto.body]

    until(read, "the tokens are read")
    assert not page.exception
    assert len(read()) == 10
    (toggle,) = (control for control in page.toggle if control.label.startswith("Its strongest sentences"))
    toggle.set_value(False).run()
    assert read() == []
    assert "view.top" not in page.query_params
