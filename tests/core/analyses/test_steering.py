"""Answers under every condition, and their figures, against the pieces they are made of."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.analyses import steering
from core.analyses.steering import ASKED, OTHERS, RANDOM, UNMODIFIED, Answers, Condition, SteeringSettings
from core.analyses.text_perplexity import likelihoods
from core.analyses.texts import written
from core.cli.main import main
from core.cli.steer import summary
from core.corpora.prompts.read import Prompt, asking_for
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.inference.writing import Writing
from core.language.confusion import confusion
from core.pipeline.engine import Engine
from core.pipeline.run import Run

PROMPTS = (Prompt("dog", "en", "The dog sleeps in the small house."), Prompt("dog", "de", "Der Hund schläft im Haus."))


@pytest.fixture
def short() -> SteeringSettings:
    return SteeringSettings(PROMPTS, tokens=8, seed=3)


def ask(engine: Engine) -> Callable[[Experiment, Callable[[Run], Answers]], Answers]:
    return lambda experiment, question: engine.answer(experiment, question)


def test_every_condition_writes_what_its_model_writes(
    asked: Experiment, engine: Engine, short: SteeringSettings
) -> None:
    found = steering.steer(ask(engine), asked, ["ja", "es"], ["set-mean", "diff-mean"], short)
    names = [UNMODIFIED, ASKED, "set-mean", "diff-mean", RANDOM]
    assert [(side.target, side.condition.name) for side in found] == [(t, n) for t in ("ja", "es") for n in names]

    def texts(run: Run, prompts: tuple[Prompt, ...], intervenes: bool) -> tuple[str, ...]:
        intervention = run.stages.intervention(run.experts()) if intervenes else None
        return tuple(written(run, Writing(p.text, 8, seed=3), intervention)[0] for p in prompts)

    for side, changes, intervenes in (
        (found[0], {}, False),
        (found[3], {"method": "diff-mean"}, True),
        (found[4], {"control": "random"}, True),
        (found[7], {"target": "es"}, True),
    ):
        plain = replace(asked, **changes)  # type: ignore[arg-type]
        assert side.texts == engine.answer(plain, lambda run, i=intervenes: texts(run, PROMPTS, i))
    requests = tuple(asking_for(prompt, "ja") for prompt in PROMPTS)
    assert found[1].texts == engine.answer(asked, lambda run: texts(run, requests, False))
    assert found[0].texts != found[2].texts
    own = engine.answer(asked, lambda run: likelihoods(run, found[2].texts, None))
    np.testing.assert_array_equal(found[2].nll, own.nll)


@pytest.mark.parametrize("control", ["random", "random-layers"])
def test_under_a_control_the_methods_are_still_those_of_the_experts(control: str, asked: Experiment) -> None:
    """Random neurons are a condition of their own, and what methods are measured on is no other."""
    names = ("set-mean", "diff-mean")
    found = steering.conditions(replace(asked, control=control), names)
    plain = steering.conditions(asked, names)
    assert [one.name for one in found] == [UNMODIFIED, ASKED, *names, RANDOM]
    for one, other in zip(found, plain, strict=True):
        if one.intervenes:
            assert one == other
    assert [one.experiment.control for one in found if one.intervenes] == ["none", "none", "random"]


def test_the_table_is_made_of_the_answers(asked: Experiment, engine: Engine, short: SteeringSettings) -> None:
    side = steering.steer(ask(engine), asked, ["ja"], ["set-mean"], short)[2]
    made_up = replace(side, target="de", texts=("Das ist ein ganz gewöhnlicher deutscher Satz.", "Nein."))
    frame = steering.table([side, made_up]).set_index(["target", "prompts"])
    assert frame.loc[("ja", OTHERS), "texts"] == 2
    assert frame.loc[("de", OTHERS), "texts"] == 1  # the German prompt is none of the others
    assert frame.loc[("de", "en"), "line_pass"] == 1
    assert math.isnan(frame.loc[("de", "de"), "line_pass"])
    whole = confusion(side.texts, "ja")
    assert frame.loc[("ja", OTHERS), "line_pass_n"] == whole.line_pass_rate.n
    tokens = side.n_tokens > 0
    expected = math.exp(side.nll[tokens].sum() / side.n_tokens[tokens].sum())
    assert math.isclose(frame.loc[("ja", OTHERS), "perplexity"], expected)


def test_what_cannot_be_steered_is_refused(asked: Experiment, engine: Engine, short: SteeringSettings) -> None:
    with pytest.raises(SettingError, match="nonsense"):
        steering.steer(ask(engine), asked, ["ja"], ["nonsense"], short)


def test_the_command_writes_table_and_answers(
    asked: Experiment, engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["steer", "--model", asked.model, "--dtype", "float32", "--corpus", asked.corpus, "--target", "ja"]
    arguments += [
        "--experts",
        "30",
        "--cache",
        str(engine.store.root),
        "--prompt-languages",
        "en,ja",
        "--n-prompts",
        "1",
    ]
    arguments += ["--tokens", "6", "--json", str(tmp_path / "s.json"), "--csv", str(tmp_path / "s.csv")]
    assert main(arguments) == 0
    assert "prompts in other languages" in capsys.readouterr().out
    document = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert {row["condition"] for row in document["figures"]} == {UNMODIFIED, ASKED, "set-mean", RANDOM}
    assert len(document["answers"]) == 4 * 2
    with (tmp_path / "s.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(document["figures"])
    assert main([*arguments, "--prompt-languages", "ko"]) == 2
    assert "prompts in ko" in capsys.readouterr().err


def test_the_command_shows_prompts_in_the_target_where_there_are_no_others(
    asked: Experiment, short: SteeringSettings
) -> None:
    conditions = steering.conditions(asked, ["set-mean"])
    german = "Das ist ein ganz gewöhnlicher deutscher Satz."

    def answers(target: str, condition: Condition, texts: tuple[str, ...]) -> Answers:
        own = replace(condition, experiment=replace(condition.experiment, target=target))
        prompts = PROMPTS[1:] if len(texts) == 1 else PROMPTS
        return Answers(own, target, prompts, texts, np.full(len(texts), 8.0), np.full(len(texts), 4))

    found = [answers("de", condition, (german,)) for condition in conditions[:2]]
    found += [answers("de", conditions[2], ("Ja.",))]  # too short for a 4-gram
    found += [answers("ja", condition, ("Nein.", german)) for condition in conditions[:1]]
    text = summary(steering.table(found), short)
    of_german, of_japanese = text.split("\nJapanese")
    assert "answers of at most 8 tokens to prompts in that language, as all of them are\n" in of_german
    assert "n = 1 answers" in of_german
    assert "to prompts in other languages\n" in of_japanese
    assert "n = 2 answers" in of_japanese
    assert "nan" not in text
    lines = {
        condition.name: line for condition in conditions for line in of_german.splitlines() if condition.title in line
    }
    assert lines[UNMODIFIED].split()[-1] == "0.000"
    assert lines["set-mean"].split()[-1] == "-"
