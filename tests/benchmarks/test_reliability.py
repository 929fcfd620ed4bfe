"""The campaign of attacks, small: everything is held, and what is not would be said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import endurance, machine, reliability, tried
from benchmarks.tried import HELD, HUNG, LOST, Count, Sizes
from core.pipeline.backend import LocalBackend
from dashboard.page_table import PAGES

SIZES = Sizes(kills=1, visitors=3)


def test_a_killed_process_costs_no_answer(tmp_path: Path) -> None:
    count = reliability.kills(tmp_path, SIZES)
    assert (count.held, count.lost, count.hung) == (1, [], [])
    assert "restarts: 1." in count.detail


def test_every_page_is_drawn(tmp_path: Path) -> None:
    count = endurance.pages(tmp_path, replace(SIZES, pages=len(PAGES)))
    assert (count.held, count.lost, count.hung) == (len(PAGES), [], [])


@pytest.mark.parametrize(("attack", "most"), [(reliability.hostile, 100), (reliability.visitors, 3)])
def test_attacks_are_held(
    attack: Callable[[Path, Sizes], Count], most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, where what takes it down would take the test down."""
    monkeypatch.setattr(tried, "ChildBackend", lambda engine, **_: LocalBackend(engine))
    count = attack(tmp_path, SIZES)
    assert (count.lost, count.hung) == ([], [])
    assert min(most, 3) <= count.held <= most


def test_the_table_says_what_is_held_and_what_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ran(*counts: Count) -> tuple[int, str]:
        monkeypatch.setattr(reliability, "campaign", lambda _sizes: iter(counts))
        status = reliability.run(tmp_path, small=True)
        return status, (tmp_path / "RELIABILITY.md").read_text(encoding="utf-8")

    count = Count("an attack", detail="in a second")
    count.add(HELD, "")
    status, written = ran(count)
    assert status == 0
    assert "Everything was held." in written
    assert "| an attack | 1 | 0 | 0 | in a second |" in written
    count.add(LOST, "another answer")
    count.add(HUNG, "no answer")
    status, written = ran(Count("before"), count)
    assert status == 1
    assert "| an attack | 1 | 1 | 1 | in a second |" in written
    assert "- an attack: another answer" in written
    assert "- an attack: no answer" in written


def test_the_report_says_what_the_machine_was_before_the_campaign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened = []

    def facts(command: str) -> dict[str, str]:
        happened.append("facts")
        return {"command": command, "commit": "before"}

    def campaign(_: Sizes) -> Iterator[Count]:
        for name in ("one", "two"):
            happened.append(name)
            yield Count(name)

    monkeypatch.setattr(machine, "facts", facts)
    monkeypatch.setattr(reliability, "campaign", campaign)
    assert reliability.run(tmp_path, small=True) == 0
    assert happened == ["facts", "one", "two"]
    written = (tmp_path / "RELIABILITY.md").read_text(encoding="utf-8")
    assert "- command: python -m benchmarks reliability --small\n- commit: before\n" in written
    said = reliability.report([Count("one")], replace(SIZES, kills=7), {"date": "today"}, 90.4)
    assert "- date: today\n\nTook 90 minutes. 7 kills, 3 visitors at once" in said
    assert "small campaign" not in said


def test_visitors_of_a_server_find_the_command_lines_figures(tmp_path: Path) -> None:
    *counts, _ = endurance.soak(tmp_path, 0.02, visitors=2)
    assert [(count.lost, count.hung) for count in counts] == [([], [])] * 3
    assert sum(count.held for count in counts) >= 2  # each does what it began when the time was over


def test_memory_that_grows_is_said() -> None:
    samples = [(200e6, 300e6 + 20e6 * number) for number in range(40)]
    count = endurance.flat(samples, 60, kills=3)
    assert count.lost == ["memory of the process that computes grows"]
    assert count.held == 1
    assert "the server 200 MB in the second quarter, 200 MB in the last" in count.detail
