"""How well a linear probe tells the language of an embedding."""

from __future__ import annotations

import numpy as np

from core.spaces import linear_probe
from core.spaces.sentence_tables import SentenceTables

_PENALTY = 0.1  # scikit-learn's C
_STEPS = 500


def identified(tables: SentenceTables) -> np.ndarray:
    """Share of languages of which a linear probe tells each sentence: float64, (n_sentences,).

    Standardisation and multinomial logistic regression, fitted on the probe rows of the space in all their languages;
    asked of the sentences in those of them that the space has.
    """
    assert tables.probe is not None
    known = [number for number, code in enumerate(tables.languages) if code in tables.probe_languages]
    if len(tables.probe_languages) < 2 or not known:
        return np.full(tables.space.shape[1], np.nan)
    n_languages, n, dim = tables.probe.shape
    rows = np.nan_to_num(tables.probe.reshape(-1, dim), nan=0.0, posinf=0.0, neginf=0.0)
    probe = linear_probe.fit(rows, np.repeat(np.arange(n_languages), n), c=_PENALTY, steps=_STEPS)
    right = np.zeros((len(known), tables.space.shape[1]))
    for place, number in enumerate(known):
        truth = tables.probe_languages.index(tables.languages[number])
        right[place] = probe.predict(tables.space[number]) == truth
    return np.asarray(right.mean(axis=0))
