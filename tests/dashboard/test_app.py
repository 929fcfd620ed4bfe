"""The page as Streamlit draws it, without a browser, on a real engine over a real cache."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import shared
from tests.conftest import ROOT, SETTINGS, EmbeddedRun
from tests.core.tiny import write_table

QUERY = {
    "model": "embedded",
    "corpus": "embedded",
    "target": SETTINGS["target"],
    "k": str(SETTINGS["experts"]),
    "strength": "1",
    "layer": "last",
    "languages": SETTINGS["languages"],
    "probe_languages": "de,en,es,ja,ru,zh",
    "n_probe": str(SETTINGS["probe"]),
    "n_eval": str(SETTINGS["eval"]),
}
Visit = Callable[..., AppTest]


@pytest.fixture
def visit(embedded: EmbeddedRun, monkeypatch: pytest.MonkeyPatch) -> Visit:
    """Open the dashboard by a link, on the cache of the command line's run."""
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(embedded.cache))
    shared.jobs.clear()

    def opened(**changes: str) -> AppTest:
        page = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=120)
        for name, value in {**QUERY, **changes}.items():
            page.query_params[name] = value
        return page.run()

    yield opened
    shared.jobs.clear()


def sidebar_stands(page: AppTest) -> None:
    """All controls are there to change what is wrong."""
    labels = [box.label for box in page.sidebar.selectbox]
    assert labels[:4] == ["Model", "Sentences", "Target language", "Layer"]
    assert [slider.label for slider in page.sidebar.slider] == ["Strength"]
    assert page.sidebar.button


def refused(page: AppTest, *parts: str) -> None:
    """The page says what was asked, why it cannot be, and what to do instead; and shows no numbers."""
    assert not page.exception
    assert not page.metric
    titles = [text.value for text in page.main.markdown]
    for title in ("**Asked**", "**Why**", "**Instead**"):
        assert title in titles
    said = "\n".join(text.value for text in page.main.text)
    for part in parts:
        assert part in said
    sidebar_stands(page)


def test_the_numbers_are_the_command_lines(visit: Visit, embedded: EmbeddedRun) -> None:
    page = visit()
    assert not page.exception
    assert not page.warning
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
    assert free.label == f"Free: layer {baselines['best_layer']['layer']}"
    assert free.value == share(baselines["best_layer"]["pre"])
    assert share(baselines["centred"]["pre"]) in free.delta


def test_the_conditions_stand_beside_the_numbers(visit: Visit, embedded: EmbeddedRun) -> None:
    used = embedded.result["experiment"]
    text = " ".join(str(html.proto.body) for html in visit().get("html"))
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


def test_what_the_cache_has_is_not_computed(visit: Visit) -> None:
    page = visit()
    assert page.metric
    assert not any("Computing" in text.value for text in page.markdown)


def test_the_controls_show_the_link(visit: Visit) -> None:
    page = visit(control="random", strength="0.35")
    boxes = {box.label: box.value for box in page.sidebar.selectbox}
    assert boxes["Model"] == "embedded"
    assert boxes["Target language"] == "ja"
    assert boxes["Layer"] == "last"
    assert boxes["Control"] == "random"
    assert page.sidebar.slider[0].value == 0.35
    assert page.sidebar.select_slider[0].value == 2000
    assert sorted(page.sidebar.multiselect[0].value) == ["en", "es", "ja", "zh"]
    assert page.sidebar.number_input[0].value == 40


def test_a_new_number_of_neurons_goes_into_the_link(visit: Visit) -> None:
    page = visit()
    page.sidebar.select_slider[0].set_value(5000).run()
    assert not page.exception
    assert page.query_params["k"] == "5000"
    assert not page.metric, "the old numbers stand beside the new setting"


def test_a_language_that_the_sentences_lack_is_refused(visit: Visit) -> None:
    refused(visit(target="fi"), "'fi'", "Choose one of these as the target")


def test_too_many_experts_are_refused(visit: Visit) -> None:
    refused(visit(k="100000"), "100,000 experts", "85,248")


def test_a_layer_that_is_not_there_is_refused(visit: Visit) -> None:
    refused(visit(layer="40"), "layer 40", "0 to 18")


def test_a_missing_file_is_refused(visit: Visit, tmp_path: Path) -> None:
    refused(visit(corpus=f"table:{tmp_path / 'none.csv'}"), "there is no file", "embedded")


def test_a_ragged_table_is_refused(visit: Visit, tmp_path: Path) -> None:
    table = tmp_path / "ragged.csv"
    table.write_text("en,ja\none,一\ntwo\nthree,三\nfour,四\n", encoding="utf-8")
    refused(visit(corpus=f"table:{table}"), "ragged.csv", "3")


def test_an_unknown_kind_of_corpus_is_refused(visit: Visit) -> None:
    refused(visit(corpus="ftp://somewhere"), "ftp://somewhere")


def test_a_missing_model_folder_is_refused(visit: Visit, tmp_path: Path) -> None:
    refused(visit(model=str(tmp_path / "no-model")), "no-model")


@pytest.mark.parametrize("config", ["{", "[]", '{"model_type": 5}', '{"model_type": "bert"}', "", '{"model_type": "llama", "hidden_size": "x"}'])
def test_a_broken_model_folder_is_refused(visit: Visit, tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config, encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"")
    refused(visit(model=str(tmp_path)), str(tmp_path))


def test_bad_values_in_the_link_are_named_and_the_page_works(visit: Visit) -> None:
    page = visit(control="placebo", seed="-1", nonsense="1")
    warnings = [warning.value for warning in page.warning]
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
        ("n_eval", "1"),
        ("n_eval", "100000000000000000000"),
        ("n_probe", "1"),
        ("seed", "4294967295"),
        ("seed", "9999999999999999999"),
        ("k", "1"),
        ("k", "999999999"),
        ("strength", "-1e300"),
        ("strength", "1e-300"),
        ("strength", "7"),
        ("layer", "999999"),
        ("languages", "fi,sw"),
        ("languages", "ja"),
        ("probe_languages", "ja"),
        ("probe", "table:none.csv"),
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
    page = visit(target="jpn_Jpan", languages="eng_Latn,spa_Latn,jpn,zho_Hans")
    assert not page.warning
    assert page.query_params["target"] == "ja"
    assert page.query_params["languages"] == "en,es,ja,zh"
    assert page.metric


def test_a_link_is_written_for_who_comes_without_one(visit: Visit) -> None:
    page = visit()
    for name, value in QUERY.items():
        assert page.query_params[name] == value
    text = [html.proto.body for html in page.get("html")]
    assert any("result-ready" in body for body in text)


def test_a_table_edited_on_disk_is_read_again(visit: Visit, tmp_path: Path) -> None:
    spec = write_table(tmp_path / "sentences.tsv")
    page = visit(corpus=spec, target="de", languages="", n_probe="", n_eval="")
    assert "German" in page.sidebar.selectbox[2].options[1]
    lines = (tmp_path / "sentences.tsv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "sentences.tsv").write_text("\n".join([lines[0].replace("de", "nl"), *lines[1:]]), encoding="utf-8")
    page = visit(corpus=spec, target="de")
    assert re.search("the probe sentences of .* are in en, nl", "\n".join(t.value for t in page.main.text))
