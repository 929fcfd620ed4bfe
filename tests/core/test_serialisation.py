"""Requests and answers as plain data: what goes in comes out, and nothing else can."""

from __future__ import annotations

import io
import json
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import pytest

from core.experiment.settings import Experiment
from core.inference.perplexity import Perplexity
from core.inference.writing import Writing
from core.serialisation import decode, encode, receive, send
from dashboard.work.preload import ModelLoadQuestion
from dashboard.work.questions import CellQuestion, MovementQuestion, PathQuestion, RanksQuestion, TextCellQuestion
from dashboard.work.text_questions import PerplexityQuestion, Texts, TextsQuestion
from tests.helpers.asked_of_child import EARLY

ASKED = Experiment(target="fi", languages=("de", "fi"), expert_layers="0-3", strength=0.1 + 0.2)


@dataclass(frozen=True)
class Strange:
    """Not of the project."""

    path: str


@pytest.mark.parametrize(
    "value",
    [
        ASKED,
        *(
            kind(ASKED)
            for kind in (
                CellQuestion,
                TextCellQuestion,
                RanksQuestion,
                MovementQuestion,
                PathQuestion,
                ModelLoadQuestion,
            )
        ),
        TextsQuestion(ASKED, Writing("Ein\nHund 犬 \x00", 3, 2, 0.5, 0.25)),
        PerplexityQuestion(ASKED, ("a", "b")),
        EARLY,
        Texts(("x",), ("y",)),
        (Perplexity(1.5, 3, 1), Perplexity(float("inf"), 3, 1)),
        {"top1": 1e-300, "k": {"nested": [1, None, True]}},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_goes_in_comes_out(value: object) -> None:
    line = json.dumps(encode(value))
    assert "\n" not in line
    again = decode(json.loads(line))
    assert again == value
    assert type(again) is type(value)


def test_a_mapping_comes_out_as_a_dict_and_nan_as_nan() -> None:
    assert decode(encode(OrderedDict(a=1))) == {"a": 1}
    assert np.isnan(decode(json.loads(json.dumps(encode(float("nan"))))))


@pytest.mark.parametrize("value", [np.zeros(3), np.float64(1), b"x", object(), {"a": {1}}, (lambda: None,)])
def test_what_is_no_plain_data_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no plain data"):
        encode(value)


@pytest.mark.parametrize(
    "data",
    [
        encode(Strange("/etc/passwd")),
        {"class": ["subprocess", "Popen"], "fields": {"args": "true"}},
        {"class": ["core.store.store", "Store"], "fields": {"root": "x"}},
        {"class": ["core.store.store", "files.os.remove"], "fields": {"path": "x"}},
        {"what": "is this"},
    ],
)
def test_nothing_is_made_but_the_projects_own_dataclasses(data: object) -> None:
    with pytest.raises(ValueError, match=r"of this project|no dataclass"):
        decode(data)


def test_arrays_cross_a_stream_beside_the_rest_bit_for_bit() -> None:
    arrays = [
        np.arange(12, dtype=np.float32).reshape(3, 4).T,
        np.array([np.nan, -0.0, 6e-8], dtype=np.float16),
        np.zeros((2, 0), dtype=np.int64),
    ]
    stream = io.BytesIO()
    send(stream, {"values": tuple(arrays), "of": ASKED})
    send(stream, "without any")
    whole = stream.getvalue()
    stream.seek(0)
    first = receive(stream)
    assert first["of"] == ASKED
    for before, after in zip(arrays, first["values"], strict=True):
        assert (after.dtype, after.shape) == (before.dtype, before.shape)
        assert after.tobytes() == before.tobytes()
    assert receive(stream) == "without any"
    for end in (0, 10, len(whole) // 2):
        with pytest.raises(EOFError):
            receive(io.BytesIO(whole[:end]))
