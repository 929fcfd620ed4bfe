"""The steps and what they cost."""

from __future__ import annotations

import pytest

from core.progress import Progress
from core.reproduction.steps import Step, StepRunner


def test_the_step_runner_counts_what_was_spent_also_by_a_step_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    done = []

    def work(progress: Progress) -> None:
        progress.stage("working")
        done.append(1)

    def fail(progress: Progress) -> None:
        progress.stage("breaking")
        raise KeyboardInterrupt

    steps = [Step("a", "one", work, 100.0), Step("a", "two", work, 100.0), Step("b", "three", fail, 50.0)]
    table = StepRunner(steps, {"a: one": 7.0})
    assert table.seconds_left() == 250
    table.run(steps[0])
    assert table.by_step["a: one"] >= 7.0
    assert table.seconds_left() < 250, "the guesses were far too high, and it has seen so"
    with pytest.raises(KeyboardInterrupt):
        table.run(steps[2])
    assert set(table.by_stage) == {"working", "breaking"}
    assert "b: three" in table.by_step
    assert done == [1]
    assert "[1/3] a: one:" in capsys.readouterr().err
