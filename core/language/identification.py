"""Which language a text is in, by a classifier.

The classifier is py3langid's: a naive Bayes over byte n-grams whose weights come with the package. It knows the
languages in `known`, by ISO 639 code, without scripts or regions (and ``zxx``: no language). It was trained on whole
sentences of real text, so the probabilities of a few tokens, of code or of mixed languages are unreliable. A language
that it does not know gets no probability at all: `unknown` says which.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from core.errors import SettingError
from core.stats.intervals import Interval, bootstrap_statistic

_using = threading.Lock()  # one automaton for all threads


def known() -> tuple[str, ...]:
    """Codes of the languages that the classifier knows."""
    return tuple(sorted(_classifier().labels))


def unknown(languages: Sequence[str]) -> tuple[str, ...]:
    """Return those of the given languages (canonical codes) that the classifier does not know."""
    known_codes = set(_classifier().labels)
    return tuple(code for code in languages if _plain(code) not in known_codes)


def probabilities(text: str, languages: Sequence[str] | None = None) -> dict[str, float]:
    """Probability of each language for a text, likeliest first.

    Parameters
    ----------
    text : str
        Any Unicode form; it is brought to NFC. Without a letter in it, nothing is known: no language at all is given.
    languages : sequence of str, optional
        Canonical codes that are possible; those that the classifier does not know are left out. All that it knows
        unless given. The first of several varieties of one language (``es``, ``es-MX``) stands for all of them: the
        classifier does not tell them apart.

    Returns
    -------
    dict of str to float
        By code; sums to 1, or empty.

    Raises
    ------
    SettingError
        If the classifier knows none of the languages.
    """
    by_name: dict[str, str] = {}
    for code in known() if languages is None else languages:
        by_name.setdefault(_plain(code), code)
    missing = unknown(tuple(by_name))
    if len(missing) == len(by_name):
        raise SettingError(
            f"which of {', '.join(by_name.values())} a text is in",
            "the classifier knows none of them",
            f"Choose among {', '.join(known())}.",
        )
    if not any(character.isalpha() for character in text):
        return {}
    with _using:
        ranked = _classifier().rank(text)
    possible = [(by_name[code], float(share)) for code, share in ranked if code in by_name]
    total = math.fsum(share for _, share in possible)
    if total <= 0:  # all of them too unlikely to tell apart
        return {code: 1 / len(possible) for code, _ in possible}
    return {code: share / total for code, share in possible}


def known_name(code: str) -> str:
    """The classifier's name of a language, as the keys of `probabilities` over all languages have it.

    Raises
    ------
    SettingError
        If it does not know the language.
    """
    if unknown((code,)):
        raise SettingError(
            f"how likely a text is in {code!r}",
            "the classifier does not know the language",
            f"Choose among {', '.join(known())}.",
        )
    return _plain(code)


def share(texts: Sequence[str], target: str, languages: Sequence[str] | None = None) -> Interval:
    """Mean probability of a language over texts; a text without letters counts as 0.

    Of a variety (``es-MX``) it is that of its language in whatever variety: the classifier does not tell them apart.

    The interval is a percentile bootstrap over texts; there is none (NaN) below two texts.

    Raises
    ------
    SettingError
        If there are no texts, or the classifier does not know the language.
    """
    known_name(target)
    if not texts:
        raise SettingError("the language of no texts", "there is nothing to identify", "Write at least one.")
    values = np.array([probabilities(text, languages).get(_named(target, languages), 0.0) for text in texts])
    if len(values) < 2:
        return Interval(float(values.mean()), math.nan, math.nan, len(values))
    return bootstrap_statistic(partial(np.mean, axis=-1), values)


def _named(target: str, languages: Sequence[str] | None) -> str:
    """The key of the target among `probabilities`."""
    if languages is None:
        return _plain(target)
    return next((code for code in languages if same(code, target)), target)


def same(one: str, other: str) -> bool:
    """Whether the classifier takes two languages (canonical codes) for one, as it does a language's varieties."""
    return _plain(one) == _plain(other)


def _plain(code: str) -> str:
    """A canonical code without script and region, as the classifier names it."""
    language = code.split("-")[0]
    return {"fil": "tl", "nb": "no" if "nb" not in _classifier().labels else "nb"}.get(language, language)


@lru_cache(maxsize=1)
def _classifier() -> Any:
    from py3langid import langid

    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
