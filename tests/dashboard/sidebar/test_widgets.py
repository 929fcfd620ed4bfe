"""The controls count what is chosen: neurons of the kinds that the experiment may write to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.corpora.formats import FORMATS, Format
from core.experiment.kinds import OneOf
from core.experiment.names import SETTINGS
from core.experiment.settings import Experiment
from core.models.load import outline
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from dashboard.state.session import KEY
from dashboard.work import process
from tests.helpers.pages import UNFOLDED, page_of


def _sidebar() -> None:
    from dashboard.sidebar import controls
    from dashboard.state import session

    session.visitor().page = ""
    controls.sidebar()


@pytest.fixture
def sidebar(tiny_link: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The sidebar alone, on the tiny model."""
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(tmp_path / "cache"))
    process.start.clear()
    page = page_of(_sidebar)
    for name, value in tiny_link.items():
        page.query_params[name] = value
    for part in UNFOLDED:
        page.session_state[part] = True
    return page.run()


def test_the_slider_and_its_hint_count_the_kinds_chosen(sidebar: AppTest, tiny_link: dict[str, str]) -> None:
    resolved = resolve(ModelSpec(tiny_link["model"], dtype="float32"))
    for chosen in (("mlp",), ("mlp", "attention"), ("residual",)):
        kinds = next(box for box in sidebar.sidebar.multiselect if box.label == "Neurons are outputs of")
        kinds.set_value(list(chosen)).run()
        total = outline(resolved, chosen).neurons.total
        slider = sidebar.sidebar.select_slider[0]
        assert f"{total:,} neurons" in slider.proto.help
        assert int(slider.proto.options[-1].replace(",", "")) <= total / 4
        assert sidebar.query_params.get("neurons", "mlp") == ",".join(chosen)
    assert not slider.disabled
    next(box for box in sidebar.sidebar.selectbox if box.label == "Choose").select("all").run()
    slider = sidebar.sidebar.select_slider[0]
    assert slider.disabled
    assert "however many this says" in slider.proto.help


def test_every_choice_is_offered_by_its_title_with_what_it_means(sidebar: AppTest) -> None:
    assert not [box for box in sidebar.sidebar.selectbox if box.label.startswith("Of several languages")]
    together = next(field for field in sidebar.sidebar.text_input if field.label == "Held together with")
    together.set_value("all").run()  # of several languages there is more to choose
    boxes = {box.label: box for box in sidebar.sidebar.selectbox}
    for setting in SETTINGS.values():
        if setting.panel and isinstance(setting.kind, OneOf):
            entries = setting.kind.choices.values()
            assert list(boxes[setting.label].options) == [entry.title for entry in entries]
            assert boxes[setting.label].proto.help.startswith(f"{setting.help}.")
            assert all(
                about in boxes[setting.label].proto.help for entry in entries if (about := getattr(entry, "about", ""))
            )


def test_a_setting_with_a_whole_number_is_drawn(sidebar: AppTest) -> None:
    """As a row of Results opens it: Python and JSON write 2 for 2.0."""
    chosen = Experiment.from_dict({**sidebar.session_state[KEY].experiment.to_dict(), "strength": 2})
    sidebar.session_state[KEY].set(replace(chosen, method="lineas", learning_penalty=1))
    sidebar.run()
    assert not sidebar.exception
    assert sidebar.sidebar.slider[0].value == 2


def test_an_empty_prompt_of_a_link_stays_until_another_is_typed(sidebar: AppTest) -> None:
    """Of any other text nothing is what it says where it is empty."""
    sidebar.query_params["prompt"] = ""
    sidebar.query_params["probe_corpus"] = ""

    def prompt() -> str | None:
        assert not sidebar.exception
        asked: Experiment = sidebar.session_state[KEY].experiment
        assert asked.probe_corpus is None
        return asked.prompt

    for _ in range(2):
        sidebar.run()
        assert prompt() == ""
    for typed, expected in (("query: ", "query: "), ("", None)):
        field = next(field for field in sidebar.sidebar.text_input if field.label == SETTINGS["prompt"].label)
        field.set_value(typed).run()
        assert prompt() == expected


LOADER = """
from core.corpora.corpus import Corpus, ParallelSet


def load_pairs(spec, folder):
    rows = ParallelSet(("1", "2"), {"sw": ("Moja.", "Mbili."), "ja": ("いち。", "に。")})
    return Corpus(spec, "pairs", "Pairs", "none", str(folder), rows, (rows,), ())
"""


def test_a_corpus_format_that_is_added_is_explained_and_its_languages_are_offered(
    sidebar: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loader_of_swahili_pairs.py").write_text(LOADER, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    loader = "loader_of_swahili_pairs:load_pairs"
    monkeypatch.setitem(FORMATS, "pairs", Format("pairs", "DIR", "pairs of files", loader))
    sidebar.query_params["corpus"] = f"pairs:{tmp_path}"
    sidebar.run()
    box = next(box for box in sidebar.sidebar.selectbox if box.label == "Sentences")
    assert box.value == f"pairs:{tmp_path}"
    assert "pairs:DIR: pairs of files." in box.proto.help
    target = next(box for box in sidebar.sidebar.selectbox if box.label == "Target language")
    assert [option for option in target.options if "Swahili" in option]


def test_every_setting_with_a_place_in_the_sidebar_stands_there_once(sidebar: AppTest) -> None:
    kinds = ("selectbox", "multiselect", "number_input", "text_input", "slider", "select_slider", "toggle")

    def stands(experiment: Experiment) -> None:
        labels = [widget.label for kind in kinds for widget in getattr(sidebar.sidebar, kind)]
        wanted = (setting for setting in SETTINGS.values() if setting.panel and setting.applies(experiment))
        assert sorted(labels) == sorted(setting.label for setting in wanted)

    stands(Experiment())
    learned = ("Sentences to learn from", "Steps of learning", "Penalty of learning")
    assert not [box for box in sidebar.sidebar.number_input if box.label in learned]
    next(box for box in sidebar.sidebar.selectbox if box.label == "Intervention").select("lineas").run()
    stands(Experiment(method="lineas"))
    number, steps, penalty = (next(b for b in sidebar.sidebar.number_input if b.label == label) for label in learned)
    assert (number.value, number.min, number.max) == (64, 32, 200)
    assert (steps.value, penalty.value, penalty.min) == (20, 0.2, 0.0)
    number.set_value(100)
    steps.set_value(7)
    penalty.set_value(1.5).run()
    names = ("learning_sentences", "learning_steps", "learning_penalty")
    assert [sidebar.query_params[name] for name in names] == ["100", "7", "1.5"]
    next(box for box in sidebar.sidebar.selectbox if box.label == "Intervention").select("set-mean").run()
    assert not set(names) & set(sidebar.query_params)
