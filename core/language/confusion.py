"""Whether written text stays in the language that is wanted: line and word pass rates.

The definitions are those of the Language Confusion Benchmark (Marchisio et al., 2024, EMNLP): a text's lines of at
least five words are identified one by one; a text passes where every one of them is in the wanted language, and passes
by words where it has, beside that, no English word in it. Three things differ, since nothing is downloaded here: the
classifier is py3langid (theirs is fastText's lid.176), scripts without spaces are cut into characters, two of which
count as a word (theirs into words, by jieba and MeCab; English words between them are found by either), and where no
list of English words is given, any lower-case word of four or more of the letters a to z counts as one.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from core.language import identification
from core.language.codes import UNSPACED, describe
from core.stats.intervals import NOTHING, Interval, share_of, wilson

WORDS_A_LINE = 5
"""A shorter line is not looked at."""
SURE = 0.3
"""Probability above which a line counts as identified."""

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_UNSPACED = re.compile(f"[{UNSPACED}]")
_BETWEEN = re.compile(f"[{UNSPACED}\u3000-\u303f\uff00-\uffef]")  # their punctuation too
_ENGLISH = re.compile("[a-z]{4,}")


@dataclass(frozen=True)
class Confusion:
    """How texts keep to a language.

    Attributes
    ----------
    right, lines : ndarray of int64, (n_texts,)
        Lines in the wanted language, and lines that are long enough, of each text.
    word_errors : ndarray of bool, (n_texts,)
        Whether an English word stands in the long lines.
    latin : bool
        Whether the wanted language is written in Latin letters: words then say nothing.
    """

    right: np.ndarray
    lines: np.ndarray
    word_errors: np.ndarray
    latin: bool

    @property
    def line_share(self) -> Interval:
        """Share of a text's lines that are in the wanted language: mean over texts with such lines, bootstrapped."""
        looked_at = self.lines > 0
        if not looked_at.any():
            return NOTHING
        shares = self.right[looked_at] / self.lines[looked_at]
        return share_of(shares) if len(shares) > 1 else Interval(float(shares[0]), math.nan, math.nan, 1)

    @property
    def line_pass_rate(self) -> Interval:
        """Share of texts of which every line is in the wanted language; Wilson's interval."""
        looked_at = self.lines > 0
        return _share(self.right[looked_at] == self.lines[looked_at])

    @property
    def word_pass_rate(self) -> Interval:
        """Of the texts that pass by lines, the share without an English word; NaN for languages in Latin letters."""
        if self.latin:
            return NOTHING
        return _share(~self.word_errors[(self.lines > 0) & (self.right == self.lines)])


def confusion(texts: Sequence[str], target: str, english: Collection[str] | None = None) -> Confusion:
    """Look at every line of some texts.

    Parameters
    ----------
    target : str
        Canonical code of the wanted language.
    english : collection of str, optional
        English words in lower case, of four letters or more.

    Raises
    ------
    SettingError
        If the classifier does not know the language.

    Examples
    --------
    >>> found = confusion(["Das ist ein ganz gewöhnlicher Satz.", "This is quite an ordinary sentence."], "de")
    >>> found.line_pass_rate.value
    0.5
    """
    name = identification.known_name(target)
    counts, errors = [], []
    for text in texts:
        lines = [line for line in _normalised(text).split("\n") if n_words(line) >= WORDS_A_LINE]
        counts.append((sum(_identified(line) == name for line in lines), len(lines)))
        words = (word for line in lines for word in _BETWEEN.sub(" ", line).split())
        errors.append(any(_is_english(word, english) for word in words))
    right, n_lines = np.array(counts, dtype=np.int64).reshape(-1, 2).T
    return Confusion(right, n_lines, np.array(errors, dtype=bool), describe(target).script_code == "Latn")


def n_words(line: str) -> int:
    """Words of a line; of scripts without spaces, two characters are one."""
    unspaced = _UNSPACED.findall(line)
    return len(_UNSPACED.sub(" ", line).split()) + math.ceil(len(unspaced) / 2)


def _normalised(text: str) -> str:
    text = text.split("\nQ:")[0].strip()
    return text.translate(_NO_PUNCTUATION).replace("\u2014", " ").replace("\u060c", "")


def _identified(line: str) -> str | None:
    best = next(iter(identification.probabilities(line).items()), None)
    return best[0] if best is not None and best[1] > SURE else None


def _is_english(word: str, english: Collection[str] | None) -> bool:
    return bool(_ENGLISH.fullmatch(word)) if english is None else word in english


def _share(passes: np.ndarray) -> Interval:
    n = len(passes)
    if not n:
        return NOTHING
    value = float(passes.mean())
    low, high = wilson(np.array(value), n)
    return Interval(value, float(low), float(high), n)
