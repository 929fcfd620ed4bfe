"""Unicode's normal forms, of any text in a time that grows with its length.

To normalise sorts each run of combining marks (UAX 15), which Python does by insertion: 80 kB of marks in descending
order took 1.6 seconds, and a megabyte would have held the whole process for minutes. No writing stacks marks so high:
the standard's own Stream-Safe Text Format ends such a run at 30.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import lru_cache
from typing import Literal

import numpy as np

_RUN = 200  # marks, one after the other
_LONG = 1000  # characters; what has fewer takes a millisecond at most


def normal(form: Literal["NFC", "NFKD"], text: str) -> str:
    """A text in a normal form; as it is where it has a run of hundreds of combining marks.

    Examples
    --------
    >>> normal("NFC", "e\\u0301") == "é"
    True
    """
    if len(text) > _LONG and not text.isascii() and _longest_run(text) >= _RUN:
        return text
    return unicodedata.normalize(form, text)


def _longest_run(text: str) -> int:
    """The most combining marks one after the other."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    others = np.flatnonzero(~_marks()[codes])
    return int(np.diff(others, prepend=-1, append=len(codes)).max()) - 1


@lru_cache(maxsize=1)
def _marks() -> np.ndarray:
    """Whether each character is nothing but combining marks, once it is decomposed: bool, (1 114 112,)."""
    decomposed = (unicodedata.normalize("NFKD", chr(code)) for code in range(sys.maxunicode + 1))
    return np.fromiter((all(map(unicodedata.combining, marks)) for marks in decomposed), dtype=bool)
