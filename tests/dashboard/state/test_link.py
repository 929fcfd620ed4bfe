"""Whatever is chosen is in the link, and whatever the link says is used or named."""

import string
from dataclasses import fields
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.experiment.names import SETTINGS
from core.experiment.settings import Experiment
from core.neurons.interventions import TOKENS
from core.neurons.methods import METHODS
from core.neurons.responses import NEURONS, POOLINGS
from core.neurons.scores import SCORES
from core.neurons.selection import CONTROLS, SELECTIONS
from dashboard.state import link

CODES = st.sampled_from(["en", "es", "ja", "zh", "zh-Hant", "pt-BR", "yue", "sr-Latn", "hi", "arz"])
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)
COUNTS = st.integers(2, 10**9)
EXPERIMENTS = st.builds(
    Experiment,
    model=st.one_of(st.just("embedded"), NAMES),
    revision=st.none() | NAMES,
    dtype=st.sampled_from(["auto", "float32", "bfloat16", "float16"]),
    corpus=st.one_of(st.just("embedded"), NAMES.map(lambda name: f"table:{name}")),
    probe_corpus=st.none() | NAMES,
    target=CODES,
    experts=st.integers(1, 10**9),
    neurons=st.sampled_from([("mlp",), ("attention",), tuple(NEURONS)]),
    score=st.sampled_from(list(SCORES)),
    select=st.sampled_from(list(SELECTIONS)),
    expert_layers=st.none() | st.sampled_from(["0", "3-9", "0-5,9"]),
    expert_sites=st.none() | st.sampled_from([("gate_proj",), ("fc1", "fc2")]),
    min_score=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    method=st.sampled_from(list(METHODS)),
    tokens=st.sampled_from(list(TOKENS)),
    strength=st.floats(allow_nan=False, allow_infinity=False),
    languages=st.none() | st.lists(CODES, min_size=1, unique=True).map(tuple),
    probe_languages=st.none() | st.lists(CODES, min_size=1, unique=True).map(tuple),
    probe_sentences=st.none() | COUNTS,
    eval_sentences=st.none() | COUNTS,
    layer=st.just("last") | st.integers(0, 200),
    pooling=st.sampled_from(list(POOLINGS)),
    control=st.sampled_from(list(CONTROLS)),
    seed=st.integers(0, 2**32 - 1),
)


@given(EXPERIMENTS)
def test_a_link_gives_back_what_was_chosen(experiment: Experiment) -> None:
    query = link.to_query(experiment)
    assert link.from_query(query) == (experiment, [])
    # And through a real address bar.
    assert dict(parse_qsl(urlencode(query), keep_blank_values=True)) == query


@given(EXPERIMENTS)
def test_a_link_is_stable(experiment: Experiment) -> None:
    query = link.to_query(experiment)
    assert link.to_query(link.from_query(query)[0]) == query


def test_every_setting_but_the_machines_own_travels() -> None:
    """The device and the files belong to the machine that opens the link, not to the one that wrote it."""
    other = Experiment(
        model="a/b",
        revision="main",
        dtype="float32",
        adapter="lora",
        sentence_pooling="cls",
        prompt="query: ",
        chat_template=True,
        corpus="table:x.csv",
        probe_corpus="embedded",
        target="es",
        targets=("es", "Romance"),
        combine="intersection",
        held_at="joint",
        neurons=("mlp", "attention"),
        score="ap",
        experts=7,
        select="layer",
        expert_layers="1-2",
        expert_sites=("fc1",),
        min_score=0.8,
        method="aura",
        tokens="last",
        strength=0.35,
        learning_sentences=32,
        learning_steps=7,
        learning_penalty=0.5,
        languages=("en", "es"),
        probe_languages=("de", "es"),
        probe_sentences=11,
        eval_sentences=12,
        layer=3,
        pooling="max",
        control="random",
        seed=9,
    )
    left = {f.name for f in fields(Experiment) if getattr(other, f.name) == f.default}
    assert left == {"device", "experts_from"}
    assert "experts_from" not in link.to_query(Experiment(experts_from="experts.csv"))
    for named in ("/etc/passwd", "1:down_proj:3 or /etc/passwd"):
        found, (problem,) = link.from_query({"experts_from": named})
        assert found == Experiment()
        assert "no link may name" in problem
    assert link.from_query({"experts_from": ""})[0] == Experiment()
    by_hand = Experiment(experts_from="12:down_proj:33=4.2 or 3:up_proj:0")
    assert link.from_query(link.to_query(by_hand)) == (by_hand, [])
    assert link.carries(by_hand)
    assert link.carries(Experiment(device="cpu"))
    assert not link.carries(Experiment(experts_from="experts.csv"))
    assert link.from_query(link.to_query(other)) == (other, [])


def test_no_query_is_the_default() -> None:
    assert link.from_query({}) == (Experiment(), [])


def test_a_link_survives_a_change_of_defaults() -> None:
    assert set(link.to_query(Experiment())) == {"model", "corpus", "target", "experts", "strength", "layer"}


def test_links_are_short() -> None:
    assert link.to_query(Experiment(strength=1.0))["strength"] == "1"
    assert link.to_query(Experiment(strength=0.15))["strength"] == "0.15"


@pytest.mark.parametrize(
    ("written", "code"),
    [("spa_Latn", "es"), ("spa", "es"), ("jpn_Jpan", "ja"), ("zho_Hans", "zh"), ("cmn", "zh"), ("zho_Hant", "zh-Hant")],
)
def test_codes_of_flores_and_tatoeba_are_understood(written: str, code: str) -> None:
    experiment, problems = link.from_query(
        {"target": written, "languages": f"eng_Latn,{written}", "probe_languages": f"{written},deu"}
    )
    assert problems == []
    assert experiment.target == code
    assert experiment.languages == ("en", code)
    assert experiment.probe_languages == (code, "de")


BAD = {
    "target": "not a language",
    "experts": "many",
    "strength": "strong",
    "layer": "top",
    "languages": "en,??",
    "probe_languages": "12345",
    "probe_sentences": "0",
    "eval_sentences": "1.5",
    "pooling": "median",
    "control": "placebo",
    "seed": "x",
    "dtype": "int2",
}


@pytest.mark.parametrize(("name", "value"), BAD.items())
def test_a_bad_value_is_named_and_the_default_used(name: str, value: str) -> None:
    good = {"corpus": "table:x.csv"}
    experiment, problems = link.from_query({**good, name: value})
    assert experiment == Experiment(corpus="table:x.csv")
    assert len(problems) == 1
    assert f"{name}={value}" in problems[0]
    assert "the default is used" in problems[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("experts", "0"),
        ("experts", "-5"),
        ("experts", "1e3"),
        ("experts", ""),
        ("experts", "9" * 30),
        ("strength", "nan"),
        ("strength", "inf"),
        ("strength", "1e999"),
        ("eval_sentences", "1"),
        ("eval_sentences", "9" * 30),
        ("probe_sentences", "1"),
        ("seed", "-1"),
        ("seed", str(2**32)),
        ("layer", "-1"),
        ("layer", "9" * 5000),
        ("target", ""),
    ],
)
def test_values_out_of_range_are_refused(name: str, value: str) -> None:
    experiment, problems = link.from_query({name: value})
    assert experiment == Experiment()
    assert len(problems) == 1
    assert name in problems[0]


@pytest.mark.parametrize("name", [name for setting in SETTINGS.values() for name in setting.older_links])
def test_a_name_that_a_setting_had_still_opens(name: str) -> None:
    setting = next(setting for setting in SETTINGS.values() if name in setting.older_links)
    text = ",".join(setting.example) if isinstance(setting.example, tuple) else str(setting.example or 7)
    experiment, problems = link.from_query({name: text})
    assert (experiment, problems) == link.from_query({setting.name: text})
    assert experiment != Experiment()
    assert link.to_query(experiment)[setting.name] == text
    assert name not in link.to_query(experiment)
    _, problems = link.from_query({name: "", setting.name: text})
    assert problems == [f"The link says {name}= and {setting.name}={text}, which wins."]


def test_all_bad_values_are_named() -> None:
    experiment, problems = link.from_query(BAD)
    assert experiment == Experiment()
    assert len(problems) == len(BAD)


@given(st.text(string.ascii_lowercase, min_size=1, max_size=8), st.text(max_size=20))
def test_unknown_parameters_are_named(name: str, value: str) -> None:
    experiment, problems = link.from_query({f"x_{name}": value, "experts": "5"})
    assert experiment == Experiment(experts=5)
    assert problems == [f"The link says x_{name}={value}, which means nothing here."]


@example({"target": "\x0000\x80"})  # the index of language names fails on a null character
@given(st.dictionaries(st.sampled_from([*BAD, "model", "corpus", "probe_corpus", "revision"]), st.text(max_size=30)))
def test_no_link_breaks_the_reader(query: dict[str, str]) -> None:
    experiment, problems = link.from_query(query)
    assert len(problems) <= len(query)
    assert link.from_query(link.to_query(experiment)) == (experiment, [])
