"""Which languages are related, on cases that anybody can check."""

import numpy as np

from core.language.families import family, relation
from core.reproduction import published


def test_relations_of_languages() -> None:
    assert relation("es", "fr").score == 3
    assert relation("es", "en").score == 2  # Latin script and Indo-European
    assert relation("ja", "ko").score == 0
    assert relation("hi", "fa").score == 1  # Indo-European, in other scripts and branches
    assert relation("en", "vi").score == 1  # the script alone
    assert np.isnan(relation("en", "haw").score)
    assert all(family(code) for code in published.LANGUAGES)
    assert family("pt-BR") == family("es")
