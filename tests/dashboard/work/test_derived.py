"""What a page made of an answer is given again for that answer only, and goes with it."""

from __future__ import annotations

import gc
import weakref

import pandas as pd

from dashboard.text.frames import bar_frame
from dashboard.work.derived import once
from tests.helpers.results import make_result


def test_what_is_made_of_an_answer_belongs_to_it_alone() -> None:
    first, second = make_result(), make_result(top1=(0.2, 0.9))
    frames = [once(result, "bars", lambda of=result: bar_frame(of)) for result in (first, second, first)]
    assert frames[0] is frames[2]
    pd.testing.assert_frame_equal(frames[1], bar_frame(second))
    assert not frames[0]["top1"].equals(frames[1]["top1"])
    assert once(first, ("bars", 1), lambda: "another") == "another"


def test_what_is_made_of_an_answer_goes_with_it() -> None:
    answer, other = make_result(), make_result()
    frames = [weakref.ref(once(result, "bars", lambda of=result: bar_frame(of))) for result in (answer, other)]
    del answer
    gc.collect()
    assert frames[0]() is None
    assert frames[1]() is not None
    assert "_made" not in vars(other)
