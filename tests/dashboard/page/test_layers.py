"""The Layers page: its charts as specifications, its verdict in words, and the page on a tiny model."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.analyses.chosen_pairs import ChosenSentences
from core.charts import palette
from core.experiment.settings import Experiment
from core.neurons.experts import by_site
from core.pipeline.result import Result
from core.pipeline.run import Run
from core.spaces.pairs import COLUMNS, PairColumn
from core.spaces.retrieval import top1, top1_of
from core.spaces.similarity import CSLS, csls
from dashboard.charts import layers as charts
from dashboard.page import layers
from dashboard.state import link
from dashboard.work import process
from tests.helpers.bench import until
from tests.helpers.pages import OpenPage, experiment_of, page_of
from tests.helpers.results import make_result, sentences


def result(pre: list[float], post: list[float], n: int = 400, **changes: Any) -> Result:
    """Top-1 by layer of n sentences, and the opposite mean-centred."""
    made = make_result(Experiment(model="made", corpus="made", experts=20, **changes))
    frame = made.layers.assign(top1_pre=pre, top1_post=post, centred_pre=post, centred_post=pre)
    group = sentences(made.plan.languages, n, "evaluation")
    return replace(made, layers=frame, plan=replace(made.plan, groups=(group,)))


# -- in words --------------------------------------------------------------------------------------------------------


def test_says_where_it_helps_and_where_it_harms() -> None:
    found = result([0.10, 0.50, 0.80, 0.30, 0.05], [0.10, 0.40, 0.55, 0.50, 0.45])
    said = layers.verdict(found, "top1")
    assert "**helps at layers 3 to 4** (most at 4: 5.0% to 45%)" in said
    assert "**harms at layers 1 to 2** (most at 2: 80% to 55%)" in said
    assert "layer 2 finds most: 80%" in said
    assert "the best is layer 2 with 55%: **25.0 points less**" in said
    centred = layers.verdict(found, "centred")
    assert "**helps at layers 1 to 2**" in centred
    assert "layer 2 with 80%: **25.0 points more** than the unmodified model gives at any layer" in centred


def test_says_where_nothing_happens() -> None:
    said = layers.verdict(result([0.1, 0.2, 0.3, 0.2, 0.1], [0.1, 0.2, 0.31, 0.2, 0.1]), "top1")
    assert "**helps nowhere**, and **harms nowhere**" in said
    assert "**no more** than that, to within 6 points" in said  # 1.96 sqrt(.3 .7 / 400 + .31 .69 / 400)
    assert "exactly as it is" in layers.verdict(result([0.1] * 5, [0.1] * 5, strength=0.0), "top1")


def test_few_sentences_tell_no_small_change_from_chance() -> None:
    pre, post = [0.10, 0.50, 0.60, 0.30, 0.05], [0.10, 0.55, 0.75, 0.50, 0.95]
    assert "**helps at layers 2 to 4**" in layers.verdict(result(pre, post, n=400), "top1")
    assert "**helps at layer 4**" in layers.verdict(result(pre, post, n=12), "top1")
    every, none = [0.0] * 5, [1.0] * 5
    assert "**helps nowhere**" in layers.verdict(result(every, none, n=1), "top1")  # 0 to 1, of one sentence
    assert "**harms nowhere**" in layers.verdict(result(none, every, n=1), "top1")
    assert "**helps at layers 0 to 4**" in layers.verdict(result(every, none, n=12), "top1")
    assert "that 12 sentences tell from chance" in layers.verdict(result(pre, post, n=12), "top1")


def test_a_change_of_chosen_pairs_is_held_against_as_many_meanings_as_have_the_target() -> None:
    pre, post = [0.10, 0.50, 0.60, 0.30, 0.05], [0.10, 0.55, 0.75, 0.50, 0.95]
    many, few = (result(pre, post, n=n) for n in (400, 12))
    (group,) = many.plan.groups
    without = sentences(("en", "es"), 1000, "evaluation")
    both = replace(many, plan=replace(many.plan, groups=(group, without)))
    assert layers.verdict(both, "top1") == layers.verdict(many, "top1"), "rows without the target have no pairs of its"
    nothing, some = np.zeros(400, dtype=bool), np.arange(400) < 10
    masks = dict.fromkeys(group.languages, nothing)
    masks |= {"en": some, "es": some, "zh": np.isin(np.arange(400), [8, 9, 30, 31])}
    chosen = ChosenSentences([masks, {code: np.ones(1000, dtype=bool) for code in without.languages}])
    said = layers.verdict(both, "top1", chosen)
    assert "that the chosen pairs of 12 meanings tell from chance" in said
    assert said.split(" tell ")[1] == layers.verdict(few, "top1").split(" tell ")[1]


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([3], "3"), ([0, 1], "0 to 1"), ([0, 2, 3, 4, 9], "0, 2 to 4 and 9"), ([1, 3], "1 and 3")],
)
def test_spans(numbers: list[int], text: str) -> None:
    assert layers.spans(numbers) == text


# -- charts ----------------------------------------------------------------------------------------------------------


def spec(chart: Any) -> list[dict[str, Any]]:
    made = chart.to_dict()
    return [{**x, "rows": made["datasets"][x["data"]["name"]]} for x in made.get("layer", [made])]


def test_lines_show_every_layer_and_mark_the_chosen_and_the_best() -> None:
    rows = layers.lines_frame(result([0.1, 0.2, 0.3, 0.2, 0.0], [0.1, 0.1, 0.2, 0.4, 0.5]).layers, "top1")
    rule, line = spec(charts.lines(rows, 4, 2, title="top-1", share=True))
    assert pd.DataFrame(line["rows"]).equals(rows)
    assert [row["layer"] for row in rule["rows"]] == [4, 2]
    colours = dict(zip(*line["encoding"]["color"]["scale"].values(), strict=True))
    assert (colours["before"], colours["after"]) == (palette.PRE, palette.POST)
    assert colours[rule["rows"][1]["mark"]] == palette.FREE
    assert rule["encoding"]["color"]["scale"] == line["encoding"]["color"]["scale"]
    assert line["encoding"]["y"]["scale"] == {"domain": [0, 1]}
    one, _ = spec(charts.lines(rows, 2, 2, title="top-1", share=True))
    assert [mark["mark"] for mark in one["rows"]] == ["layer 2, as set and best before"]
    _, log = spec(charts.lines(rows[rows["value"] > 0], 4, title="distance", share=False, log=True))
    assert log["encoding"]["y"]["scale"] == {"type": "log"}


def test_all_plots_have_one_axis_and_blocks_stand_between_layers() -> None:
    made = result([0.1] * 5, [0.2] * 5)
    chosen = np.array([0, 1, 50, 199])
    rows = layers.neurons_frame(made, chosen)
    (bars,) = spec(charts.neurons(rows, 4, ["up_proj"]))
    _, line = spec(charts.lines(layers.lines_frame(made.layers, "top1"), 4, title="top-1", share=True))
    assert bars["encoding"]["x"]["scale"] == line["encoding"]["x"]["scale"]
    assert bars["encoding"]["y"]["axis"]["minExtent"] == line["encoding"]["y"]["axis"]["minExtent"]
    for row in bars["rows"]:
        assert row["block"] < row["left"] < row["right"] < row["block"] + 1 == row["makes"]
    assert {row["block"]: row["top"] - row["bottom"] for row in bars["rows"]} == {0: 2, 1: 1, 3: 1}


def test_bars_of_a_block_stand_on_each_other() -> None:
    rows = pd.DataFrame(
        {"block": [0, 0, 1, 1], "site": ["a", "b"] * 2, "experts": [3, 2, 0, 4], "width": 9, "share": 0.1}
    )
    (bars,) = spec(charts.neurons(rows, 2, ["a", "b"]))
    ends = {(row["block"], row["site"]): (row["bottom"], row["top"]) for row in bars["rows"]}
    assert ends == {(0, "a"): (0, 3), (0, "b"): (3, 5), (1, "b"): (0, 4)}


# -- the page --------------------------------------------------------------------------------------------------------


def opened(open_page: OpenPage, **changes: str) -> AppTest:
    page = open_page("layers", **changes)
    for _ in range(3):
        if charts_of(page):
            break
        until(lambda: not any(job.active for job in process.jobs().all()), "the result is there")
        page.run()
    assert not page.exception
    assert len(charts_of(page)) == 3
    return page


def charts_of(page: AppTest) -> list[Any]:
    return list(page.get("vega_lite_chart"))


def small_print(page: AppTest) -> str:
    return " ".join(str(element.proto.body) for element in page.get("html"))


def test_opens(open_page: OpenPage, tiny_link: dict[str, str]) -> None:
    page = opened(open_page)
    assert page.title[0].value == "Where in the model does it happen?"
    experiment, _ = link.from_query(tiny_link)
    found = process.engine().known(experiment)
    assert found is not None
    assert layers.verdict(found, "top1") in [text.value for text in page.markdown]
    assert f"layer {layers.best_before(found.layers, 'top1')}, best before" in charts_of(page)[0].proto.spec
    assert "a neuron of block L changes the hidden state L + 1" in small_print(page)
    # what is said of the layers before the first neuron is so
    first = int(by_site(found.plan.outline.neurons, found.experts.neurons).query("experts > 0")["layer"].min())
    before = found.layers[found.layers["layer"] <= first]
    assert before["distance_pre"].tolist() == before["distance_post"].tolist()


def test_the_link_restores_the_view(open_page: OpenPage) -> None:
    page = opened(open_page, **{"view.embeddings": "centred"})
    assert page.query_params["view.embeddings"] == "centred"
    found = process.engine().known(experiment_of(page))
    assert layers.verdict(found, "centred") in [text.value for text in page.markdown]


def test_a_way_of_comparing_that_is_added_at_every_layer_is_offered_and_drawn(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    column = PairColumn("top1_csls", partial(top1, by=CSLS), partial(top1_of, by=CSLS), CSLS)
    monkeypatch.setitem(COLUMNS, "top1_csls", column)
    page = opened(open_page, **{"view.embeddings": "top1_csls"})
    (picker,) = (control for control in page.segmented_control if control.label == "Embeddings")
    assert list(picker.options) == ["as they are", "mean-centred", "CSLS"]
    assert "CSLS: cosine, corrected" in picker.proto.help
    asked = experiment_of(page)
    found = process.engine().known(asked)
    assert isinstance(found, Result)
    assert layers.verdict(found, "top1_csls") in [text.value for text in page.markdown]

    def by_hand(run: Run) -> float:
        space = run.stages.embeddings(0, None, 1)
        target = run.plan.groups[0].languages.index(run.plan.target)
        others = [n for n in range(len(space)) if n != target]
        n = np.arange(space.shape[1])
        unit = space / np.linalg.norm(space, axis=-1, keepdims=True)
        return float(np.mean([csls(unit[target] @ unit[other].T).argmax(axis=1) == n for other in others]))

    shown = layers.lines_frame(found.layers, "top1_csls").query("layer == 1 and space == 'before'")["value"].item()
    assert shown == pytest.approx(process.engine().answer(asked, by_hand))


def test_under_a_control_the_neurons_that_were_drawn_are_shown(open_page: OpenPage) -> None:
    page = opened(open_page, control="random")
    experiment = experiment_of(page)
    assert experiment.control == "random"
    assert "drawn at random" in small_print(page)

    def written(run: Run) -> np.ndarray:
        return run.spaces()[1].neurons

    found = process.engine().known(experiment)
    drawn = process.engine().answer(experiment, written)
    assert layers._written(found).tolist() == drawn.tolist() != found.experts.neurons.tolist()


def test_neurons_of_other_languages_that_a_method_writes_to_are_shown(open_page: OpenPage) -> None:
    page = opened(open_page, method="arithmetic")
    experiment = experiment_of(page)
    found = process.engine().known(experiment)
    assert isinstance(found, Result)

    def written(run: Run) -> np.ndarray:
        return run.spaces()[1].neurons

    shown = layers._written(found).tolist()
    assert sorted(shown) == sorted(process.engine().answer(experiment, written).tolist())
    assert set(shown) > set(found.experts.neurons.tolist())
    assert f"{len(shown):,} neurons. The bar" in small_print(page)


def _of_a_control_elsewhere() -> None:
    """The neurons of a control of which this machine knows the figures alone, as from a pack."""
    from core.experiment.settings import Experiment
    from dashboard.page import layers
    from tests.helpers.results import make_result

    layers._neurons(make_result(Experiment(model="made", corpus="made", experts=20, control="random")))


def test_experts_are_not_taken_for_neurons_that_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "known_beside", lambda *_: None)
    page = page_of(_of_a_control_elsewhere).run()
    assert not page.exception
    assert "which neurons are written to in their place, or beside them, is not known here" in small_print(page)
    assert "drawn at random" not in small_print(page)
    assert "cannot change" not in small_print(page)
