"""Every control, as a visitor operates it: what the page then shows is what the command line writes for that link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.languages import describe
from tests.dashboard.browsing import Visit, Visitor, figures_of, told

Link = dict[str, str]


@dataclass(frozen=True)
class Step:
    """One control operated.

    Attributes
    ----------
    link : dict
        What the link says then that it did not say before; all else stays, but for ``gone``.
    """

    does: Callable[[Visitor], None]
    link: Link
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class Walk:
    """Controls operated one after the other, from a link; ``unfolds``: the part of the sidebar that they stand in."""

    steps: tuple[Step, ...]
    unfolds: str = ""
    start: Link = field(default_factory=dict)


def picks(label: str, option: str, gone: tuple[str, ...] = (), **link: str) -> Step:
    return Step(lambda visitor: visitor.picks(label, option), link, gone)


def slides(label: str, key: str, **link: str) -> Step:
    return Step(lambda visitor: visitor.slides(label, key), link)


WALKS = {
    "setting": Walk(
        (
            slides("Expert neurons", "ArrowRight", k="50"),
            slides("Strength", "ArrowLeft", strength="0.95"),
            picks("Target language", "Russian (русский)", target="ru"),
            picks("Intervention", "Linear-AcT", method="linear-act"),
            picks("Intervention", "AurA", method="aura"),
            picks("Layer", "1", layer="1"),
            picks("Layer", "0, the embeddings", layer="0"),
        )
    ),
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of the command line's own."""
    return tmp_path_factory.mktemp("alone") / "cache"


def expected(query: Link, alone: Path) -> tuple[dict[str, tuple[str, str]], dict[str, Any]]:
    """What the command line writes for a link: the figures as the page has them, and about the experts."""
    found = told(query, alone)
    return figures_of(found, describe(query["target"]).english), found["experts"]


def shown(visitor: Visitor, alone: Path) -> tuple[dict[str, tuple[str, str]], dict[str, Any]]:
    """Have the page show what the command line writes for its link; gives what that is."""
    figures, experts = expected(visitor.query, alone)
    assert visitor.figures() == figures
    conditions = visitor.page.get_by_test_id("stMain").inner_text()
    assert f"; {experts['k']:,} of " in conditions
    assert f" {experts['mean_score']:.3f} on " in conditions
    return figures, experts


@pytest.mark.parametrize("name", WALKS)
def test_a_control_brings_the_command_lines_numbers(
    visit: Visit, new_server: str, tiny_link: Link, alone: Path, name: str
) -> None:
    walk = WALKS[name]
    visitor = visit(new_server).opens(tiny_link | walk.start)
    visitor.sees_results()
    if walk.unfolds:
        visitor.unfolds(walk.unfolds)
    former, query = shown(visitor, alone), visitor.query
    for step in walk.steps:
        with visitor.sees_the_link_change():
            step.does(visitor)
        visitor.sees_results(**step.link)
        query = {key: value for key, value in query.items() if key not in step.gone} | step.link
        assert visitor.query == query
        now = shown(visitor, alone)
        assert now != former, f"{step.link} changes nothing that is shown"
        former = now
    assert all(len(figures) == 1 for figures in visitor.states().values()), "two settings' numbers beside one link"
