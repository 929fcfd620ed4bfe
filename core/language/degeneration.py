"""Whether a written text is one at all: how much of it repeats itself, and how much of it is no character.

A model that is pushed too far repeats a phrase for ever, or writes bytes that make no character. A language classifier
may call such a text Japanese with certainty, so these measures stand beside its answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.language.codes import UNSPACED

GRAM = 4  # units: long enough that ordinary text seldom repeats one within a paragraph
REPETITIVE = 0.25
"""A share of repeated 4-grams from which a text counts as repeating itself.

Any eight sentences in a row of the embedded corpus have at most .06, in any of its languages.
"""
BROKEN = 0.01
"""A share of replacement characters from which a text counts as broken."""

_UNIT = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")  # scripts without spaces count by character


@dataclass(frozen=True)
class Degeneration:
    """How far texts have come apart.

    Attributes
    ----------
    repeated : float
        Share of 4-grams of words (of characters, in scripts without spaces) that occurred before in the same text;
        mean over texts that have any, NaN if none has.
    replaced : float
        Share of characters that are the replacement character, over all texts.
    n : int
        Texts.
    unit : str
        What most of the units are: ``word`` or ``character``.

    References
    ----------
    ``repeated`` is rep-4 of Welleck, Kulikov, Roller, Dinan, Cho and Weston (2020). Neural text generation with
    unlikelihood training. ICLR.
    """

    repeated: float
    replaced: float
    n: int
    unit: str = "word"

    @property
    def repetitive(self) -> bool:
        """Whether the texts repeat themselves."""
        return self.repeated >= REPETITIVE

    @property
    def broken(self) -> bool:
        """Whether the texts hold bytes that are no characters."""
        return self.replaced >= BROKEN


def degeneration(texts: Sequence[str]) -> Degeneration:
    """Measure texts.

    Examples
    --------
    >>> degeneration(["the same again and the same again and the same again"]).repeated
    0.5
    """
    shares = [share for share in map(_repeated, texts) if share is not None]
    characters = sum(map(len, texts))
    replaced = sum(text.count("\ufffd") for text in texts) / characters if characters else 0.0
    repeated = float(np.mean(shares)) if shares else float("nan")
    return Degeneration(repeated, replaced, len(texts), _unit(texts))


def _unit(texts: Sequence[str]) -> str:
    units = [unit for text in texts for unit in _UNIT.findall(text)]
    unspaced = sum(re.fullmatch(rf"[{UNSPACED}]", unit) is not None for unit in units)
    return "character" if unspaced > len(units) / 2 else "word"


def _repeated(text: str) -> float | None:
    """Share of 4-grams of a text that occurred before in it; None if it is too short to have one."""
    units = _UNIT.findall(text.casefold())
    grams = list(zip(*(units[start:] for start in range(GRAM)), strict=False))
    return 1 - len(set(grams)) / len(grams) if grams else None
