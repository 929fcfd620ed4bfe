"""The table of stages: what the source names is in it, and what it has is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.store.stage import STAGES, Cost, Stage, registered

ROOT = Path(__file__).resolve().parents[3]
_IN_USE = re.compile(r"""STAGES\[["']([\w-]+)["']\]""")


def test_the_source_names_the_stages_of_the_table_and_no_others() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "core").rglob("*.py")]
    named = {name for source in sources for name in _IN_USE.findall(source)}
    assert named == set(STAGES)


def test_every_stage_says_what_it_keeps_and_what_it_takes_to_have_it_again() -> None:
    for name, stage in STAGES.items():
        assert stage.name == name
        assert stage.keeps
        assert stage.again
        assert stage.version >= 1
        assert stage.title or stage.cost < Cost.PASSES, "whoever waits is told for what"
        assert stage.cost < Cost.PASSES or not stage.derived


def test_the_version_is_in_the_spec() -> None:
    assert Stage("one", 3, "", "", Cost.MOMENT).spec(layer=2) == {"version": 3, "layer": 2}


def test_a_stage_that_is_not_in_the_table_is_refused() -> None:
    assert registered("ranks") is STAGES["ranks"]
    with pytest.raises(LookupError, match="ranksies"):
        registered("ranksies")
