"""The newest answers in memory: looked up in the store where they are not there, dropped where they no longer hold."""

from __future__ import annotations

from typing import Any, cast

from core.pipeline.backend import Backend, Request
from dashboard.work.answers import MOST, Answers


class Known:
    """A backend whose store has some answers, and that says which of them hold."""

    def __init__(self) -> None:
        self.stored: dict[str, object] = {}
        self.stale: list[object] = []
        self.looked_up: list[str] = []

    def known(self, request: str) -> object | None:
        self.looked_up.append(request)
        return self.stored.get(request)

    def holds(self, answer: object) -> bool:
        return answer not in self.stale


def asked(name: str) -> Request:
    return cast("Any", name)


def made() -> tuple[Answers, Known]:
    backend = Known()
    return Answers(cast("Backend", backend)), backend


def test_an_answer_is_looked_up_once_and_again_where_it_no_longer_holds() -> None:
    answers, backend = made()
    assert answers.find(asked("a")) is None
    backend.stored["a"] = "old"
    assert [answers.find(asked("a")) for _ in range(3)] == ["old"] * 3
    assert backend.looked_up == ["a", "a"]
    backend.stale.append("old")
    backend.stored["a"] = "new"
    assert answers.find(asked("a")) == "new"
    assert answers.peek(asked("a")) == "new"
    answers.clear()
    assert answers.peek(asked("a")) is None
    assert answers.find(asked("a")) == "new"


def test_those_used_last_are_kept() -> None:
    answers, _ = made()
    for number in range(MOST):
        answers.keep(asked(str(number)), number)
    assert answers.find(asked("0")) == 0
    answers.keep(asked("more"), "more")
    assert answers.peek(asked("0")) == 0
    assert answers.peek(asked("1")) is None
    assert answers.peek(asked("2")) == 2
