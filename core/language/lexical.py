"""How many words two languages share, from sentences that say the same: cognates, loans and names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from core.language.normal_form import normal

_LENGTH = 3  # characters


def overlap(one: Iterable[str], other: Iterable[str]) -> float:
    """Measure the share of character trigrams that two languages have in common: 0 to 1, Jaccard's index of two sets.

    Trigrams stand in for words, so that inflected cognates count (``station``, ``estación``), and so that languages
    which write no spaces between words can be compared. Letters and their marks alone count, folded to small ones
    without accents; a word's beginning and end count as a space.

    Parameters
    ----------
    one, other : iterable of str
        Sentences of each language; those of one meaning need not stand at one place.

    Returns
    -------
    float
        1 for the same sentences, 0 for two scripts; NaN where one side has no letters.

    Examples
    --------
    >>> overlap(["La casa."], ["la casa"]), overlap(["house"], ["дом"])
    (1.0, 0.0)
    """
    a, b = _trigrams(one), _trigrams(other)
    return len(a & b) / len(a | b) if a and b else float("nan")


def _trigrams(sentences: Iterable[str]) -> set[str]:
    found = set()
    for sentence in sentences:
        # Marks that are accents of Latin, Greek and Cyrillic letters go; vowel signs, which are letters' own, stay.
        plain = "".join(
            character for character in normal("NFKD", sentence.casefold()) if unicodedata.combining(character) == 0
        )
        words = "".join(character if unicodedata.category(character)[0] in "LM" else " " for character in plain).split()
        for word in words:
            padded = f" {word} "
            found |= {padded[start : start + _LENGTH] for start in range(len(padded) - _LENGTH + 1)}
    return found
