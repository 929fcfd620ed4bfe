"""How long work elsewhere may say nothing."""

from __future__ import annotations

from core.pipeline.messages import HANGS, Expectation


def test_a_stage_that_is_expected_to_take_long_may_be_silent_for_longer() -> None:
    found = Expectation()
    found.note({"ready": True})
    found.note({"plan": {"loading the model": 5000.0, "ranking": 3.0}})
    found.note({"stage": ["loading the model", 5000.0]})
    assert not found.hangs(HANGS + 1)
    assert not found.hangs(14_000)
    assert found.hangs(15_001)
    found.note({"advance": 0.1})  # it reports
    assert found.hangs(HANGS + 1)
    found.note({"stage": ["ranking", 3.0]})
    assert found.hangs(HANGS + 1)
    assert not found.hangs(HANGS - 1)
    assert found.seconds <= 200, "who stops it does not wait for that long"


def test_work_without_stages_may_be_silent_as_long_as_all_of_it_takes() -> None:
    found = Expectation(begun=True, whole=1000.0)
    assert not found.hangs(2999)
    assert found.hangs(3001)
    assert Expectation(begun=True).hangs(HANGS + 1)
    found.note({"stage": ["measuring", 1.0]})
    assert found.hangs(HANGS + 1)
