"""What a notebook's session gives is what the engine, the store and the tables underneath give."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import core
from core.analyses import search, steering
from core.errors import AskError, SettingError
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.progress import Cancelled, Snapshot
from core.session import Session
from core.session_base import chosen_names
from core.spaces.retrieval import correct_of
from core.spaces.rivals import RIVALS
from core.store.store import Store
from tests.helpers.tiny import N_LAYERS, sentences

LANGUAGES = ("de", "en", "es", "ja")


@pytest.fixture
def session(filled: Store) -> Session:
    """A session over a cache in which the experiment `asked` has been run."""
    return Session(filled.root, progress=False)


def lists(n: int = 12, start: int = 20) -> dict[str, list[str]]:
    return {code: list(sentences(code, n, start)) for code in LANGUAGES}


@pytest.fixture
def own(tiny_folders: dict[str, Path]) -> dict[str, Any]:
    """Settings of an experiment on sentences in memory."""
    return {"model": str(tiny_folders["llama"]), "dtype": "float32", "device": "cpu", "target": "es", "experts": 20}


# -- what is asked ---------------------------------------------------------------------------------------------------


def test_settings_stand_over_an_experiment_or_a_result(
    session: Session, asked: Experiment, finished: tuple[Result, Path]
) -> None:
    assert session.experiment() == Experiment()
    assert session.experiment(asked) == asked
    assert session.experiment(asked, strength=0.25) == replace(asked, strength=0.25)
    assert session.experiment(finished[0], experts=7).experts == 7
    assert session.experiment(finished[0]).target == "ja"
    assert session.experiment(languages=["en", "ja"]).languages == ("en", "ja")
    assert session.experiment(languages="en, ja").languages == ("en", "ja")
    assert session.experiment(asked, languages=None).languages is None
    assert session.experiment(experts=np.int64(7), strength=np.float64(0.5)) == Experiment(experts=7, strength=0.5)


@pytest.mark.parametrize(
    ("ask", "parts"),
    [
        (lambda s: s.run(targt="es"), ["setting 'targt'", "Use target."]),
        (lambda s: s.run(qqq=1), ["setting 'qqq'", "Use some of model,"]),
        (lambda s: s.retrieval(comparison="dot"), ["comparison 'dot'", "cosine or centred"]),
        (lambda s: s.retrieval(direction="up"), ["direction 'up'", "from or to"]),
        (lambda s: s.retrieval(measure="top-2"), ["measure 'top-2'", "top-1 or top-5 or MRR"]),
        (lambda s: s.run(corpus={"en": ["a"], "es": []}), ["different numbers", "one a row"]),
        (lambda s: s.run(corpus="nowhere"), ["corpus 'nowhere'"]),
        (lambda s: s.run(strength=float("nan")), ["strength nan"]),
        (lambda s: s.run(experts="500"), ['experts is "500"', "a value such as 2000"]),
        (lambda s: s.run(languages=5), ["languages is 5", '["en", "ja"]']),
        (lambda s: s.run(corpus=7), ["not sentences by language but int", "a data frame"]),
    ],
)
def test_what_cannot_be_is_refused_in_three_parts(
    session: Session, ask: Callable[[Session], object], parts: list[str]
) -> None:
    with pytest.raises(AskError) as refused:
        ask(session)
    assert refused.value.what
    assert refused.value.why
    assert refused.value.instead
    for part in parts:
        assert part in str(refused.value)


# -- what is answered ------------------------------------------------------------------------------------------------


def test_a_result_is_the_engines(session: Session, asked: Experiment, finished: tuple[Result, Path]) -> None:
    result = session.run(asked)
    pd.testing.assert_frame_equal(result.pairs, finished[0].pairs)
    assert result.computed == ()


def test_experts_are_a_table_best_first(session: Session, asked: Experiment, finished: tuple[Result, Path]) -> None:
    frame = session.experts(asked)
    assert list(frame.columns) == ["rank", "neuron", "layer", "site", "unit", "score", "value", "model"]
    assert list(frame["rank"]) == list(range(1, 31))
    np.testing.assert_array_equal(frame["neuron"], finished[0].experts.neurons)
    assert frame["score"].is_monotonic_decreasing


def test_embeddings_give_the_retrieval_of_the_result(
    session: Session, asked: Experiment, finished: tuple[Result, Path]
) -> None:
    result, spaces = finished[0], session.embeddings(asked)
    assert spaces.layer == result.plan.layer
    assert len(spaces) == len(spaces.pre) == len(spaces.post)
    for code in spaces.languages:
        told = spaces.sentences.loc[spaces.sentences["language"] == code, "text"]
        assert tuple(told) == result.plan.groups[0].texts[code]
    for side, column in enumerate(("top1_pre", "top1_post")):
        space = np.stack([spaces.of(code)[side] for code in spaces.languages])
        target = spaces.languages.index("ja")
        rates = correct_of(space, target).mean(axis=1)
        rows = result.from_target.set_index("candidate")[column]
        assert {code: pytest.approx(rows[code]) for code in rows.index} == {
            code: rate for code, rate in zip(spaces.languages, rates, strict=True) if code != "ja"
        }
    assert "ja" in repr(spaces)
    assert len(repr(spaces)) < 200
    with pytest.raises(SettingError, match="sw"):
        spaces.of("sw")


def test_another_layer_is_a_setting(session: Session, asked: Experiment) -> None:
    first, last = session.embeddings(asked, layer=0), session.embeddings(asked)
    assert first.layer == 0
    assert not np.array_equal(first.pre, last.pre)


def test_retrieval_is_the_results_with_intervals(
    session: Session, asked: Experiment, finished: tuple[Result, Path]
) -> None:
    frame = session.retrieval(asked).set_index("candidate")
    rows = finished[0].from_target.set_index("candidate")
    for code in rows.index:
        assert frame.loc[code, "pre"] == pytest.approx(rows.loc[code, "top1_pre"])
        assert frame.loc[code, "post"] == pytest.approx(rows.loc[code, "top1_post"])
        assert frame.loc[code, "n"] == rows.loc[code, "n"]
    for name in ("pre", "post", "change"):
        assert (frame[f"{name}_low"] <= frame[name]).all()
        assert (frame[name] <= frame[f"{name}_high"]).all()
    centred = session.retrieval(asked, comparison="centred").set_index("candidate")
    assert centred.loc["en", "pre"] == pytest.approx(rows.loc["en", "centred_pre"])


def test_the_map_is_a_table_and_a_chart(session: Session, asked: Experiment, finished: tuple[Result, Path]) -> None:
    result = finished[0]
    frame = session.map(asked)
    row = frame[(frame["language"] == "es") & (frame["id"] == result.plan.groups[0].ids[2])].iloc[0]
    at = result.plan.groups[0].languages.index("es")
    assert row["text"] == result.plan.groups[0].texts["es"][2]
    assert tuple(row[["x_pre", "y_pre"]]) == pytest.approx(tuple(result.maps[0][0][at, 2]))
    assert tuple(row[["x_post", "y_post"]]) == pytest.approx(tuple(result.maps[0][1][at, 2]))
    drawn = session.map_chart(result).to_dict()
    (points,) = drawn["datasets"].values()
    assert len(points) == 2 * len(frame)
    assert {point["name"] for point in points} >= {"Spanish", "Japanese"}


def test_the_model_is_that_of_the_experiments(session: Session, asked: Experiment) -> None:
    model = session.model(asked.model, dtype="float32", device="cpu")
    assert model.name == asked.model
    assert session.model(Path(asked.model), dtype="float32", device="cpu") is model


def test_a_path_is_a_models_name(session: Session, asked: Experiment, tmp_path: Path) -> None:
    by_path = session.experiment(asked, model=Path(asked.model), adapter=tmp_path)
    assert by_path == replace(asked, adapter=str(tmp_path))
    assert session.run(asked, model=Path(asked.model)).computed == ()
    with pytest.raises(AskError, match=f"put the adapter {tmp_path} onto the model"):
        session.model(Path(asked.model), dtype="float32", device="cpu", adapter=tmp_path)


# -- sentences in memory ---------------------------------------------------------------------------------------------


def test_own_sentences_are_computed_once_and_found_again_later(own: dict[str, Any], tmp_path: Path) -> None:
    first = Session(tmp_path, progress=False).run(corpus=lists(), **own)
    assert {"capture", "embed_pre", "embed_post"} <= set(first.computed)
    assert first.plan.groups[0].texts["ja"] == sentences("ja", 6, 26)
    again = Session(tmp_path, progress=False).run(corpus=pd.DataFrame(lists()), **own)
    assert again.computed == ()
    assert again.plan == first.plan


def test_all_own_sentences_are_measured_where_the_experts_come_from_elsewhere(
    own: dict[str, Any], asked: Experiment, tmp_path: Path
) -> None:
    session = Session(tmp_path, progress=False)
    spaces = session.embeddings(corpus=lists(), probe_corpus=asked.corpus, **own)
    assert len(spaces) == 12 * len(LANGUAGES)
    corpus = session.corpus(lists())
    assert session.experiment(corpus=corpus).corpus == corpus.spec
    assert session.corpus(corpus) is corpus
    assert session.corpus("embedded").kind == "embedded"


def test_a_path_is_a_table(asked: Experiment, tmp_path: Path) -> None:
    session, path = Session(tmp_path, progress=False), Path(asked.corpus.removeprefix("table:"))
    assert session.experiment(corpus=path).corpus == session.corpus(path).spec == asked.corpus
    assert core.load_corpus(path) == session.corpus(path)


def test_one_layer_is_a_number_in_every_question(session: Session, asked: Experiment) -> None:
    with pytest.raises(SettingError, match="label"):  # of the corpus, which has none
        session.transfer(asked, layers=1)


# -- one process, several sessions -----------------------------------------------------------------------------------


def test_two_sessions_at_once_over_one_cache_compute_each_thing_once(own: dict[str, Any], tmp_path: Path) -> None:
    sessions = [Session(tmp_path, progress=False), Session(str(tmp_path), progress=False)]

    async def both() -> list[Result]:
        work = [asyncio.to_thread(session.run, corpus=lists(), **own) for session in sessions]
        return await asyncio.gather(*work)

    first, second = asyncio.run(both())
    pd.testing.assert_frame_equal(first.pairs, second.pairs)
    np.testing.assert_array_equal(first.maps[0][1], second.maps[0][1])
    models = [session.model(own["model"], dtype="float32", device="cpu") for session in sessions]
    assert models[0] is models[1]
    alone = Engine(Store(tmp_path)).run(first.plan.experiment)
    assert alone.computed == ()
    pd.testing.assert_frame_equal(alone.pairs, first.pairs)


def test_progress_is_told_and_stops_the_work(own: dict[str, Any], tmp_path: Path) -> None:
    told: list[Snapshot] = []
    Session(tmp_path, progress=told.append).experts(corpus=lists(), **own)
    assert "ranking the neurons" in {snapshot.stage for snapshot in told}

    def stop(_: Snapshot) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        Session(tmp_path, progress=stop).run(corpus=lists(), strength=0.3, **own)


def test_the_one_liners_use_the_default_cache(
    own: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(tmp_path / "default"))
    corpus = core.load_corpus(lists())
    assert corpus.spec.startswith(f"table:{tmp_path / 'default'}")
    assert core.load_corpus("embedded").kind == "embedded"
    model = core.load_model(own["model"], dtype="float32", device="cpu")
    result = core.run(corpus=corpus, **own)
    assert "load" not in result.computed  # it ran on the model that was loaded
    assert core.Session().cache == tmp_path / "default"
    assert core.Session().model(own["model"], dtype="float32", device="cpu") is model


def test_a_session_says_where_its_cache_is(tmp_path: Path) -> None:
    odd = tmp_path / "a<b"
    session = Session(odd)
    assert str(odd) in repr(session)
    assert "a&lt;b" in session._repr_html_()


def test_interventions_are_steered_compared_and_searched_as_by_the_command_line(
    session: Session, asked: Experiment
) -> None:
    few: dict[str, Any] = {"prompt_languages": ["en"], "n_prompts": 1}
    steered = session.steer(asked, methods="zero", max_tokens=3, **few)
    prompts = steering.default_prompts(["en"], 1)
    engine = Engine(Store(session.cache))
    plain = steering.steer(
        engine.answer, asked, ("ja",), ("zero",), steering.SteeringSettings(prompts, 3, seed=asked.seed)
    )
    pd.testing.assert_frame_equal(steered, steering.table(plain))
    compared = session.compare_methods(asked, methods=["zero"], timed=False, **few)
    top1 = compared.set_index("condition")["top1_target"]
    assert top1["zero"] == pytest.approx(engine.run(replace(asked, method="zero")).target_top1.post)
    assert top1["unmodified"] == pytest.approx(engine.run(asked).target_top1.pre)
    choices = search.Choices(experts=(10, 20), strengths=(1.0,))
    found = session.search(asked, minutes=1, choices=choices)
    assert found.best is not None
    assert found.after is not None
    assert found.after.value == pytest.approx(engine.run(found.best).target_top1.post)
    with pytest.raises(AskError, match="no time"):
        session.search(asked, minutes=0)
    with pytest.raises(AskError, match="method 'invert'"):
        session.steer(asked, methods=["invert"], **few)


def test_a_search_tries_what_is_given_by_name(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    offered: list[search.Choices] = []
    monkeypatch.setattr(search, "search", lambda *asked: offered.append(asked[2]))
    session.search(target="ja", experts=8000, strength=1.5, minutes=10)
    usual = search.Choices()
    assert set(offered[0].experts) == {*usual.experts, 8000}
    assert set(offered[0].strengths) == {*usual.strengths, 1.5}
    session.search(target="ja", score="ap", minutes=10)
    assert offered[1] == replace(usual, scores=("ap",))
    with pytest.raises(SettingError, match="experts, strength beside choices"):
        session.search(target="ja", experts=8000, strength=1.5, minutes=10, choices=usual)


def test_rivals_are_named_as_in_every_other_question(session: Session, asked: Experiment) -> None:
    one = session.rivals(asked, rivals="own-means", measures="top1")
    pd.testing.assert_frame_equal(one, session.rivals(asked, rivals=["own-means"], measures=("top1",)))
    with pytest.raises(SettingError, match="rival 'w'"):
        session.rivals(asked, rivals="w")
    layers = session.rivals(asked, rivals="own-means", measures="top1", layers=(0, 2))
    assert set(layers["layer"]) == {0, 2, N_LAYERS}
    with pytest.raises(SettingError, match=rf"layers '9': .* {N_LAYERS} \(last\)"):
        session.rivals(asked, layers=[9])
    assert chosen_names("rival", ("all",), RIVALS) == chosen_names("rival", None, RIVALS) == tuple(RIVALS)
