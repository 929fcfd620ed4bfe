"""Which source language a text is taken to be in, where nobody says it."""

from __future__ import annotations

from core.language import identification
from core.neurons.interventions import Intervention


def identified(text: str, intervention: Intervention | None) -> str | None:
    """Identify the language of a text among those that an intervention distinguishes.

    Returns
    -------
    str or None
        None where the intervention is the same for every language, the text has no letter, or the classifier knows none
        of the languages.
    """
    languages = tuple(intervention.sources) if intervention is not None else ()
    if not languages or len(identification.unknown(languages)) == len(languages):
        return None
    return next(iter(identification.probabilities(text, languages)), None)
