"""Texts that were written are kept: a change of strength writes one side alone."""

from __future__ import annotations

from dataclasses import replace

from core.analyses.texts import written
from core.experiment.settings import Experiment
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
