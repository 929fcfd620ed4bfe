"""The source language of a text that nobody states."""

from __future__ import annotations

import numpy as np
import pytest

from core.inference.sources import identified
from core.neurons.interventions import Intervention


def by_source(*languages: str) -> Intervention:
    neurons, one, none = np.array([0]), np.ones(1, np.float32), np.zeros(1, np.float32)
    plain = Intervention(neurons, one, none)
    return Intervention(neurons, one, none, sources=dict.fromkeys(languages, plain))


@pytest.mark.parametrize(
    ("text", "languages", "expected"),
    [
        ("Where is the nearest railway station?", ("de", "en", "ja"), "en"),
        ("Wo ist der nächste Bahnhof?", ("de", "en", "ja"), "de"),
        ("", ("de", "en"), None),
        ("12:30", ("de", "en"), None),
        ("Where is it?", (), None),
        ("Where is it?", ("tlh",), None),  # which the classifier does not know
        ("¿Dónde está la estación?", ("en", "es", "es-MX"), None),  # it does not know which variety
        ("Where is the nearest railway station?", ("en", "es", "es-MX"), "en"),
    ],
)
def test_a_text_is_in_the_likeliest_of_the_languages(
    text: str, languages: tuple[str, ...], expected: str | None
) -> None:
    assert identified(text, by_source(*languages)) == expected


def test_without_an_intervention_there_is_nothing_to_identify() -> None:
    assert identified("Where is it?", None) is None
