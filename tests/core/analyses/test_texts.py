"""Texts that were written are kept: a change of strength writes one side alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from core.analyses.texts import as_message, written, written_spec
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.inference.generation import generate
from core.inference.writing import Writing
from core.pipeline.engine import Engine
from core.pipeline.run import Run


def test_a_change_of_strength_writes_one_side_alone(asked: Experiment, engine: Engine) -> None:
    writing = Writing("The dog", tokens=6, samples=2)

    def both(run: Run) -> tuple[tuple[str, ...], tuple[str, ...]]:
        pre = written(run, writing, None)
        return pre, written(run, writing, run.stages.intervention(run.experts()))

    one = engine.answer(asked, both)
    assert engine.answer_known(asked, both) == one
    other = replace(asked, strength=1.5)
    assert engine.answer_known(other, lambda run: written(run, writing, None)) == one[0]
    assert engine.answer_known(other, both) is None
    same = engine.answer(replace(asked, strength=0.0), both)
    assert same == (one[0], one[0])


def test_a_prompt_is_a_message_where_the_model_has_a_template(
    asked: Experiment, engine: Engine, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(asked.model, tmp_path / "chat"))
    (folder / "chat_template.jinja").write_text("{{ bos_token }}{{ messages[0].content }}</s>{# answer #}")
    tuned, writing = replace(asked, model=str(folder)), Writing("The dog", tokens=5, temperature=0)
    texts = {}
    for name, experiment, request in (
        ("plain", asked, writing),
        ("message", tuned, writing),
        ("from nothing", tuned, replace(writing, prompt="")),
    ):
        texts[name] = engine.answer(experiment, lambda run, request=request: written(run, request, None))
        assert as_message(plan(experiment), request) == (name == "message")
    assert texts["message"] != texts["plain"]
    model = engine.models.get(plan(tuned).resolved)
    assert texts["message"] == (*generate(model, "The dog", max_tokens=5, temperature=0, as_message=True),)
    assert texts["from nothing"] == (*generate(model, "", max_tokens=5, temperature=0),)


@pytest.mark.parametrize(
    ("file", "settings", "samples", "again"),
    [
        (
            "generation_config.json",
            {"do_sample": True, "top_k": 64, "top_p": 0.95, "cache_implementation": "hybrid"},
            2,
            0,
        ),
        ("generation_config.json", {"repetition_penalty": 1.2}, 1, 1),
        ("tokenizer_config.json", {"pad_token": None}, 1, 0),
        ("tokenizer_config.json", {"pad_token": None}, 2, 1),
    ],
)
def test_only_texts_that_an_earlier_version_wrote_otherwise_are_written_again(
    file: str,
    settings: Mapping[str, object],
    samples: int,
    again: int,
    asked: Experiment,
    engine: Engine,
    tmp_path: Path,
) -> None:
    folder = Path(shutil.copytree(asked.model, tmp_path / "model"))
    content = json.loads((folder / file).read_text(encoding="utf-8"))
    (folder / file).write_text(json.dumps(content | settings), encoding="utf-8")
    writing = Writing("The dog", tokens=2, samples=samples)
    spec = engine.answer(replace(asked, model=str(folder)), lambda run: written_spec(run, writing, None))
    plain = engine.answer(asked, lambda run: written_spec(run, writing, None))
    assert set(spec) - set(plain) == ({"decoding"} if again else set())
    assert set(plain) == {"version", "model", "writing", "intervention"}
