"""The settings are one object: equal ones are written down alike, however their numbers were given."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args, get_type_hints

import pytest

from core.errors import SettingError
from core.experiment.settings import Experiment
from core.neurons.interventions import check_strength

KINDS = get_type_hints(Experiment)
NUMBERS = [name for name, kind in KINDS.items() if kind is float or set(get_args(kind)) == {float, type(None)}]


@pytest.mark.parametrize("name", NUMBERS)
def test_whole_numbers_of_a_setting_that_is_measured_are_floats(name: str) -> None:
    for given in (Experiment(**{name: 1}), Experiment.from_dict({name: 1})):
        assert type(getattr(given, name)) is float
        assert repr(given) == repr(Experiment(**{name: 1.0}))


def test_other_values_stay_as_they_are() -> None:
    plain = Experiment(strength=0.3, min_score=None)
    assert [getattr(plain, field.name) for field in fields(plain)] == list(vars(plain).values())
    assert (plain.strength, plain.min_score, type(plain.experts)) == (0.3, None, int)


def test_a_number_beyond_all_floats_is_refused_in_words() -> None:
    with pytest.raises(SettingError, match="finite"):
        check_strength(Experiment(strength=-(10**400)).strength)
