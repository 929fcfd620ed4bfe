"""A sweep's tasks on workers that refuse them and are lost, with a pool that only says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from core.cluster.pool import Member, Pool
from core.errors import CorpusError, as_parts
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.progress import Progress
from core.sweep import run
from core.sweep.on_cluster import OnCluster


class OneIsLost:
    """Two workers: the first refuses everything, the second is lost at the first task that it is given."""

    def __init__(self) -> None:
        self.members = [Member(number, None, host=f"host-{number}") for number in range(2)]

    def idle(self) -> Iterator[Member]:
        return (member for member in self.members if member.running is None)

    def ask(self, member: Member, request: Any, _: Progress) -> None:
        member.running = request

    def ended(self, _: float) -> list[tuple[Member, dict[str, Any]]]:
        busy = [member for member in self.members if member.running is not None]
        assert busy, "it looks for outcomes where nothing runs"
        refused = as_parts(CorpusError("corpus", "it is not on this machine", "Copy it."))
        outcomes: list[tuple[Member, dict[str, Any]]] = []
        for member in busy:
            member.running = None
            if member.number:
                self.members.remove(member)
            outcomes.append((member, {"lost": True} if member.number else {"refused": refused}))
        return outcomes

    def stop(self, _: float) -> None:
        """None works."""


def test_what_all_that_are_left_refused_fails(asked: Experiment, engine: Engine, tmp_path: Path) -> None:
    runner = OnCluster(cast(Pool, OneIsLost()))
    outcome = run.sweep(engine, [replace(asked, languages=("en", "ja"))], "measures", tmp_path / "c", runner=runner)
    (why,) = set(outcome.failures.values())
    assert "it is not on this machine" in why
