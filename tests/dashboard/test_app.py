"""The page as Streamlit draws it, without a browser, on a real engine over a real cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.experiment import places as named_places
from core.neurons.interventions import TOKENS
from core.neurons.methods import METHODS
from core.neurons.scores import SCORES
from core.neurons.selection import CONTROLS, SELECTIONS
from core.packs import contents
from core.packs.pack import pack as write_pack
from core.pipeline import computed_settings
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.store.store import Store
from dashboard import sentence_map
from dashboard.work import process
from dashboard.work.job import Job
from tests.helpers.bench import LONG, ends, until, worker_held
from tests.helpers.command_line import ROOT, EmbeddedRun
from tests.helpers.pages import UNFOLDED, LinkOnCache, experiment_of, visitor_of
from tests.helpers.tiny import write_table

Visit = Callable[..., AppTest]


@pytest.fixture
def visit(link_on_cache: LinkOnCache) -> Iterator[Visit]:
    """Open the dashboard by a link with the tiny model and table; not ``tiny``: on the command line's run."""
    pages = []

    def opened(tiny: bool = True, **changes: str) -> AppTest:
        page = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=LONG)
        for name, value in link_on_cache(tiny, **changes).items():
            page.query_params[name] = value
        for part in UNFOLDED:
            page.session_state[part] = True
        pages.append(page)
        return page.run()

    yield opened
    for page in pages:
        leave(page)
    process.start.clear()


def job_of(page: AppTest) -> Job | None:
    return process.jobs().find(experiment_of(page))


def leave(page: AppTest) -> None:
    """Leave nothing running for the next test."""
    job = job_of(page)
    process.jobs().leave(visitor_of(page).name)
    until(lambda: job is None or not job.active, "the job stops")


def sidebar_stands(page: AppTest) -> None:
    """All controls are there to change what is wrong."""
    labels = [box.label for box in page.sidebar.selectbox]
    assert labels[:5] == ["Model", "Sentences", "Target language", "Intervention", "Layer"]
    assert [slider.label for slider in page.sidebar.slider] == ["Strength"]
    assert page.sidebar.button


def said(page: AppTest) -> str:
    """The small print."""
    return " ".join(str(html.proto.body) for html in page.get("html"))


def refused(page: AppTest, *parts: str) -> None:
    """The page says what was asked, why it cannot be, and what to do instead; and shows no numbers."""
    assert not page.exception
    assert not page.metric
    assert "result-ready" not in said(page)  # nor what all pages hold, as their styles
    titles = [text.value for text in page.main.markdown]
    for title in ("**Asked**", "**Why**", "**Instead**"):
        assert title in titles
    words = "\n".join(text.value for text in page.main.text)
    for part in parts:
        assert part in words
    sidebar_stands(page)


def test_the_numbers_are_the_command_lines(visit: Visit, embedded: EmbeddedRun) -> None:
    page = visit(tiny=False)
    assert not page.exception
    assert 'role="alert"' not in said(page)
    summary, baselines = embedded.result["summary"], embedded.result["baselines"]
    distance = embedded.result["distance"]["all_pairs"]
    target, everything, apart, free = page.metric

    def share(value: float) -> str:
        return f"{100 * value:.1f}%" if value < 0.0995 else f"{100 * value:.0f}%"

    for shown, change in ((target, summary["target_top1"]), (everything, summary["all_top1"])):
        assert shown.value == share(change["post"])
        assert shown.delta == f"{100 * (change['post'] - change['pre']):+.1f} points from {share(change['pre'])}"
    assert apart.value == f"{distance['post']:.3f}"
    assert apart.delta == f"{distance['post'] - distance['pre']:+.3f} from {distance['pre']:.3f}"
    assert free.label == f"Untouched model, layer {baselines['best_layer']['layer']}"
    assert free.value == share(baselines["best_layer"]["pre"])
    assert share(baselines["centred"]["pre"]) in free.delta


def test_the_conditions_stand_beside_the_numbers(visit: Visit, embedded: EmbeddedRun) -> None:
    used = embedded.result["experiment"]
    text = said(visit(tiny=False))
    for condition in (
        f"revision {used['model_revision']}",
        f"{used['dtype']} on {used['device']}",
        f"2,000 of {used['n_neurons']:,} MLP neurons",
        f"mean AUROC {embedded.result['experts']['mean_score']:.3f}",
        f"{used['probe_sentences']} probe rows in {len(used['probe_languages'])} languages",
        f"{used['eval_sentences']} evaluation rows",
        used["corpus_digest"][:10],
        "layer 18 of 18",
        "seed 0",
    ):
        assert condition in text


def test_every_way_to_choose_and_to_intervene_can_be_chosen_and_travels(visit: Visit) -> None:
    choices = {
        "score": "ap",
        "select": "layer",
        "expert_layers": "0-1",
        "expert_sites": "gate_proj",
        "min_score": "0.25",
        "method": "linear-act",
        "tokens": "no-bos",
        "control": "random-layers",
        "neurons": "mlp,attention",
    }
    page = visit(**choices)
    assert not page.exception
    assert {name: page.query_params[name] for name in choices} == choices
    boxes = {box.label: box for box in page.sidebar.selectbox}
    for label, name, known in (
        ("Intervention", "method", METHODS),
        ("Score", "score", SCORES),
        ("Choose", "select", SELECTIONS),
        ("Written at", "tokens", TOKENS),
        ("Control", "control", CONTROLS),
    ):
        assert boxes[label].value == choices[name]
        assert len(boxes[label].options) == len(known)
    boxes["Intervention"].select("aura")
    page.run()
    assert page.query_params["method"] == "aura"
    assert page.query_params["expert_layers"] == "0-1"


def test_what_the_cache_has_is_not_computed(visit: Visit) -> None:
    page = visit(tiny=False)
    assert page.metric
    assert job_of(page) is None


def test_the_controls_show_the_link(visit: Visit) -> None:
    page = visit(control="random", strength="0.35", languages="en,es,ja", eval_sentences="5")
    boxes = {box.label: box.value for box in page.sidebar.selectbox}
    assert boxes["Target language"] == "ja"
    assert boxes["Layer"] == "last"
    assert boxes["Control"] == "random"
    assert page.sidebar.slider[0].value == 0.35
    assert page.sidebar.select_slider[0].value == 20
    picked = {box.label: box.value for box in page.sidebar.multiselect}
    assert sorted(picked["Languages"]) == ["en", "es", "ja"]
    assert {box.label: box.value for box in page.sidebar.number_input}["Evaluation rows"] == 5


def test_a_first_visit_computes_and_then_shows(visit: Visit) -> None:
    visit()  # the engine and its queue are on the cache of these tests
    with worker_held(process.jobs()):  # it is not done before the page is looked at
        page = visit(seed="1")
        assert not page.exception
        assert not page.metric
        assert any("Computing" in text.value for text in page.markdown)
        job = job_of(page)
    ends(job)
    assert page.run().metric


def test_another_number_of_neurons_never_shows_the_old_numbers(visit: Visit) -> None:
    page = visit()
    job = job_of(page)
    if job is not None:
        ends(job)
    assert page.run().metric
    with worker_held(process.jobs()):
        page.sidebar.select_slider[0].set_value(50).run()
        assert not page.exception
        assert page.query_params["experts"] == "50"
        assert not page.metric, "the old numbers stand beside the new setting"
        job = job_of(page)
    ends(job)
    assert "50 neurons" in page.run().main.markdown[0].value.replace("**", "")


def test_what_a_visitor_stops_stays_stopped(visit: Visit) -> None:
    visit()  # the engine and its queue are on the cache of these tests
    with worker_held(process.jobs()):  # the job cannot end before it is stopped
        page = visit(seed="2", experts="21")
        (stop,) = [button for button in page.main.button if button.label == "Stop"]
        stop.click().run()
        assert not page.exception
        assert any("Stopped" in text.value for text in page.markdown)
        assert not page.metric
        assert job_of(page).state == "stopped"
    page.run()
    assert not job_of(page).active
    (again,) = [button for button in page.main.button if button.label == "Compute it"]
    again.click().run()
    ends(job_of(page))
    assert page.run().metric


def test_a_strength_between_computed_ones_is_drawn_at_once(
    visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = experiment_of(visit(seed="3"))
    engine = process.engine()
    maps = {strength: engine.run(replace(asked, strength=strength)).maps[0] for strength in (0.5, 1.0)}
    for strength in (0.6, 0.8):  # nearer, and measured without a map, as by a sweep
        engine.answer(replace(asked, strength=strength), Run.figures)
    assert computed_settings.strengths(computed_settings.listed(engine.store), asked) == (0.5, 0.6, 0.8, 1.0)
    drawn: list[dict[float, np.ndarray]] = []
    pack = sentence_map.packed

    def packed(table: pd.DataFrame, places: dict[float, np.ndarray], *rest: str, **named: str) -> bytes:
        drawn.append(places)
        return pack(table, places, *rest, **named)

    monkeypatch.setattr(sentence_map, "packed", packed)
    with worker_held(process.jobs()):
        page = visit(seed="3", strength="0.7")
        assert not page.exception
        assert any("interpolated" in str(part.proto.body) for part in page.get("html"))
        visit(seed="3", strength="1.7")  # beyond what is computed nothing is drawn
    (places,) = drawn
    before, after = (np.stack([maps[strength][end] for strength in maps]) for end in (0, 1))
    np.testing.assert_array_equal(before[0], before[1])
    np.testing.assert_array_equal(places[0.0], before[0].reshape(-1, 2))
    expected = 0.6 * after[0] + 0.4 * after[1]
    np.testing.assert_allclose(places[0.7], expected.reshape(-1, 2), rtol=1e-5, atol=1e-5)

    # What a pack has counts as well.
    for module in (contents, named_places):
        monkeypatch.setattr(module, "PLACES", ())  # so that the tiny model is found by its folder again
    there = Engine(Store(tmp_path / "there"))
    (_, of_pack), *_ = there.run(replace(asked, strength=1.6)).maps
    write_pack(there, [replace(asked, strength=1.6)], tmp_path / "one.pack", [])
    put = process.packs().put((tmp_path / "one.pack").read_bytes(), "one.pack")
    try:
        with worker_held(process.jobs()):
            visit(seed="3", strength="1.3")
    finally:
        (process.packs().folder / f"{put.digest}.pack").unlink()
    np.testing.assert_allclose(drawn[1][1.3], ((after[1] + of_pack) / 2).reshape(-1, 2), rtol=1e-5, atol=1e-5)


def test_a_language_that_the_sentences_lack_is_refused(visit: Visit) -> None:
    refused(visit(target="fi"), "'fi'", "Choose one of these as the target")


def test_too_many_experts_are_refused(visit: Visit) -> None:
    refused(visit(experts="100000"), "100,000 experts", "384")


def test_a_layer_that_is_not_there_is_refused(visit: Visit) -> None:
    refused(visit(layer="40"), "layer 40", "0 to 3")


def test_a_missing_file_is_refused(visit: Visit, tmp_path: Path) -> None:
    refused(visit(corpus=f"table:{tmp_path / 'none.csv'}"), "there is no file", "embedded")


def test_a_ragged_table_is_refused(visit: Visit, tmp_path: Path) -> None:
    table = tmp_path / "ragged.csv"
    table.write_text("en,ja\none,一\ntwo\nthree,三\nfour,四\n", encoding="utf-8")
    refused(visit(corpus=f"table:{table}"), "ragged.csv", "line 3")


def test_an_unknown_kind_of_corpus_is_refused(visit: Visit) -> None:
    refused(visit(corpus="ftp://somewhere"), "ftp://somewhere")


def test_a_missing_model_folder_is_refused(visit: Visit, tmp_path: Path) -> None:
    refused(visit(model=str(tmp_path / "no-model")), "no-model")


@pytest.mark.parametrize("config", ["{", "[]", "", '{"model_type": 5}', '{"model_type": "vit"}'])
def test_a_broken_model_folder_is_refused(visit: Visit, tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config, encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"")
    refused(visit(model=str(tmp_path)), str(tmp_path))


def test_a_config_that_nothing_foresaw_leaves_the_controls_standing(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama", "hidden_size": "x"}', encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"")
    page = visit(model=str(tmp_path))
    assert not page.exception
    assert not page.metric
    assert "hidden_size" in "\n".join(text.value for text in page.main.text)
    sidebar_stands(page)


def test_bad_values_in_the_link_are_named_and_the_page_works(visit: Visit) -> None:
    page = visit(tiny=False, control="placebo", seed="-1", nonsense="1")
    warnings = [html.proto.body for html in page.get("html") if 'role="alert"' in html.proto.body]
    assert len(warnings) == 3
    assert "control=placebo" in warnings[0]
    assert "seed=-1" in warnings[1]
    assert "nonsense=1" in warnings[2]
    assert not page.exception
    assert page.metric
    sidebar_stands(page)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eval_sentences", "1"),
        ("eval_sentences", "100000000000000000000"),
        ("probe_sentences", "1"),
        ("seed", "4294967295"),
        ("seed", "9999999999999999999"),
        ("experts", "1"),
        ("experts", "999999999"),
        ("strength", "-1e300"),
        ("strength", "1e-300"),
        ("strength", "7"),
        ("layer", "999999"),
        ("languages", "fi,sw"),
        ("languages", "ja"),
        ("probe_languages", "ja"),
        ("probe_corpus", "table:none.csv"),
        ("model", ""),
        ("model", "no/such/thing"),
        ("model", "\x00"),
        ("corpus", ""),
        ("corpus", "table:"),
        ("corpus", "table:\x00"),
        ("corpus", "table:/"),
        ("revision", "main"),
        ("target", "zxx"),
        ("dtype", "float64"),
    ],
)
def test_no_link_takes_the_page_down(visit: Visit, name: str, value: str) -> None:
    page = visit(**{name: value})
    assert not page.exception, page.exception[0].value
    sidebar_stands(page)


def test_codes_of_flores_are_understood(visit: Visit) -> None:
    page = visit(tiny=False, target="jpn_Jpan", languages="eng_Latn,spa_Latn,jpn,zho_Hans")
    assert 'role="alert"' not in said(page)
    assert page.query_params["target"] == "ja"
    assert page.query_params["languages"] == "en,es,ja,zh"
    assert page.metric


def test_the_link_is_written_whole(visit: Visit, small_link: dict[str, str]) -> None:
    page = visit(tiny=False)
    assert {name: page.query_params[name] for name in page.query_params} == small_link
    assert any("result-ready" in html.proto.body for html in page.get("html"))


def test_a_table_edited_on_disk_is_read_again(visit: Visit, tmp_path: Path) -> None:
    table = tmp_path / "sentences.tsv"
    page = visit(corpus=write_table(table, 6, 6))
    job = job_of(page)
    ends(job)
    assert "6 evaluation rows" in said(page.run())
    with worker_held(process.jobs()):
        page = visit(corpus=write_table(table, 6, 9))
        assert not page.metric, "numbers of sentences that are no longer there"
        job = job_of(page)
    ends(job)
    assert "9 evaluation rows" in said(page.run())
