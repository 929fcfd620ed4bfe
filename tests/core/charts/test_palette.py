"""Colours and marks of languages: told apart by everybody, on light and on dark."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from core.charts import palette
from core.language.codes import describe
from core.language.families import OTHER, kin

PAPER = tuple("th cs de el en fr he hi id it ja ko nl fa pl pt ro ru es tr uk vi".split())  # noqa: SIM905
# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SEEN_AS = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Ottosson 2020."""
    one = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566]]
    one.append([0.0883024619, 0.2817188376, 0.6299787005])
    two = [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099]]
    two.append([0.0259040371, 0.7827717662, -0.808675766])
    return np.asarray(two) @ np.cbrt(np.asarray(one) @ rgb.clip(0))


def luminance(colour: str) -> float:
    return float(np.array([0.2126, 0.7152, 0.0722]) @ linear(colour))


@pytest.mark.parametrize("eyes", SEEN_AS)
def test_no_two_of_the_papers_languages_look_alike(eyes: str) -> None:
    """A difference of .02 in OKLab can be seen; twice that where the marks differ, three times where they do not."""
    seen = {code: oklab(np.asarray(SEEN_AS[eyes]) @ linear(colour)) for code, colour in palette.colours(PAPER).items()}
    for one, other in combinations(PAPER, 2):
        apart = float(np.linalg.norm(seen[one] - seen[other]))
        least = 0.06 if palette.shape(one) == palette.shape(other) else 0.038
        assert apart >= least, (one, other, apart)


def test_every_colour_is_seen_on_white_and_on_the_dark_ground() -> None:
    for colour in palette.colours(PAPER).values():
        assert (1.05) / (luminance(colour) + 0.05) > 1.5
        assert (luminance(colour) + 0.05) / (luminance("#0e1117") + 0.05) > 2.2


def test_a_language_keeps_its_colour_whatever_stands_beside_it() -> None:
    alone, among = palette.colours(["es"]), palette.colours(["ca", "es", "fr"])
    assert alone["es"] == among["es"]
    assert among["ca"] not in (among["es"], among["fr"])


def test_marks_are_those_of_the_script() -> None:
    for one, other in combinations(PAPER, 2):
        same = describe(one).script_code == describe(other).script_code
        assert (palette.shape(one) == palette.shape(other)) == same, (one, other)


def test_kin() -> None:
    assert [kin(code) for code in ("es", "en", "uk", "ja", "yue", "pt-BR", "hi", "fa", "ar")] == [
        "Romance",
        "Germanic",
        "Slavic",
        "Japonic",
        "Sino-Tibetan",
        "Romance",
        "Indo-Aryan",
        "Iranian",
        "Afro-Asiatic",
    ]
    assert kin("eo") == OTHER
    assert OTHER not in {kin(code) for code in PAPER}
