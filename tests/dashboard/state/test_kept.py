"""Kept settings go into one entry of a link and come out as they were; the page's own test does it on a page."""

from __future__ import annotations

from urllib.parse import parse_qs

from core.experiment.settings import Experiment
from dashboard.state import kept
from dashboard.state.kept import Kept


def test_an_entry_holds_every_setting_and_its_name_and_one_alone_is_a_link() -> None:
    settings = [Kept(Experiment(target="es", strength=0.5), "a | b & c"), Kept(Experiment(target="ja"))]
    first, second = kept.entry(settings).split("|")
    assert parse_qs(first)["kept"] == ["a | b & c"]
    assert (parse_qs(first)["target"], parse_qs(first)["strength"]) == (["es"], ["0.5"])
    assert "kept" not in parse_qs(second)
    assert kept.view(settings, 1)["at"] == "1"
    assert kept.entry([settings[1]] * 20).count("|") == kept.MOST - 1


def test_a_title_is_the_name_or_what_the_setting_is() -> None:
    assert Kept(Experiment(target="es", experts=500), "mine").title == "mine"
    assert Kept(Experiment(target="es", experts=500, strength=0.5)).title == "Spanish, 500 experts, strength 0.5"
