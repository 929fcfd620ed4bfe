"""Which source language a text is taken to be in, where nobody says it."""

from __future__ import annotations

from core.language import identification
from core.neurons.interventions import Intervention


def identified(text: str, intervention: Intervention | None) -> str | None:
    """Identify the language of a text among those that an intervention distinguishes.

    Returns
    -------
    str or None
        None where the intervention is the same for every language, the text has no letter, the classifier knows none
        of the languages, or several of them are varieties of the text's, which it does not tell apart.
    """
    languages = tuple(intervention.sources) if intervention is not None else ()
    if not languages or len(identification.unknown(languages)) == len(languages):
        return None
    likeliest = next(iter(identification.probabilities(text, languages)), None)
    if likeliest is None or sum(identification.same(language, likeliest) for language in languages) > 1:
        return None
    return likeliest
