"""The table of settings: one entry a field, with one name everywhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace

import pytest

from core.experiment.entry import Setting
from core.experiment.names import GROUPS, SETTINGS, in_group
from core.experiment.settings import Experiment


def test_every_field_has_one_entry_and_every_entry_a_field() -> None:
    assert sorted(SETTINGS) == sorted(field.name for field in fields(Experiment))
    assert all(setting.name == name for name, setting in SETTINGS.items())
    assert sorted(s.name for group in GROUPS for s in in_group(group)) == sorted(SETTINGS)


def test_no_name_means_two_settings() -> None:
    links = [name for s in SETTINGS.values() for name in (s.name, *s.older_links)]
    options = [name for s in SETTINGS.values() for name in (s.option, *s.older_options)]
    for names in (links, options):
        assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_an_entry_says_all_that_is_listed(setting: Setting) -> None:
    assert setting.label
    assert setting.help[:1].isupper() or setting.help[:1].isdigit()
    assert not setting.help.endswith(".")
    assert setting.kind.good
    assert (setting.default is None) == bool(setting.unset)
    value = setting.default if setting.example is None else setting.example
    assert value is not None
    assert setting.kind.check(value) == value
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    assert setting.kind.read(text) == value
    assert isinstance(str(setting.kind.refusal(setting.name, value)), str)


def test_what_several_languages_are_held_at_applies_only_where_there_are_several() -> None:
    together = Experiment(targets=("ja", "es"))
    for name in ("combine", "held_at"):
        assert SETTINGS[name].applies(together)
        assert not SETTINGS[name].applies(Experiment())
    assert not SETTINGS["held_at"].applies(replace(together, method="set-median"))  # goes by a median of its own
