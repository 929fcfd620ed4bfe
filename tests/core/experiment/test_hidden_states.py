"""Hidden states are read alike wherever they are named."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import SettingError
from core.experiment.hidden_states import hidden_states


@pytest.mark.parametrize(
    ("given", "layers"),
    [
        (2, (2,)),
        ("all", (0, 1, 2, 3)),
        ("last,0", (3, 0)),
        ("1-2,2,1-last", (1, 2, 3)),
        ([2, 0], (2, 0)),
        (np.array([1, 3]), (1, 3)),
        (["last", 1], (3, 1)),
    ],
    ids=str,
)
def test_layers_are_read_as_numbers_ranges_and_words(given: str, layers: tuple[int, ...]) -> None:
    assert hidden_states(given, 3) == layers


@pytest.mark.parametrize("given", ["2-1", "x", "1-", "-1", "1--2", "4", "9" * 5000, [9], [1.5]], ids="{!s:.5}".format)
def test_what_names_no_layers_is_refused(given: str) -> None:
    with pytest.raises(SettingError, match="hidden states 0"):
        hidden_states(given, 3)


@pytest.mark.parametrize("given", ["", ",", []], ids=repr)
def test_no_layers_are_refused(given: str) -> None:
    with pytest.raises(SettingError, match="no space"):
        hidden_states(given, 3)
