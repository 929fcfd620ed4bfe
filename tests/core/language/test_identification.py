"""Language identification on real sentences, against the classifier asked directly and scipy's bootstrap."""

import math
import unicodedata

import numpy as np
import pytest
import scipy.stats
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from core.corpora.load import load_corpus
from core.errors import SettingError
from core.language.identification import known, probabilities, share, unknown

CORPUS = load_corpus("embedded")


@pytest.mark.parametrize("code", CORPUS.languages)
def test_knows_the_languages_of_the_embedded_corpus(code: str) -> None:
    texts = CORPUS.evaluation[0].texts[code][:20]
    right = [next(iter(probabilities(text, CORPUS.languages))) == code for text in texts]
    assert np.mean(right) >= 0.9


def test_probabilities_are_the_classifiers_own_renormalised() -> None:
    text = "El perro duerme en la casa"
    whole = dict(LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True).rank(text))
    among = ("es", "fr", "pt")
    total = sum(whole[code] for code in among)
    found = probabilities(text, among)
    assert found == pytest.approx({code: whole[code] / total for code in among})
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert sum(probabilities(text).values()) == pytest.approx(1)


def test_unicode_forms_are_one_text() -> None:
    text = "¿Dónde está la niña?"
    assert probabilities(unicodedata.normalize("NFD", text)) == probabilities(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize("text", ["", "  \n", "123 !?"])
def test_nothing_is_known_of_a_text_without_letters(text: str) -> None:
    assert probabilities(text) == {}
    assert share([text, text], "es").value == 0


@pytest.mark.parametrize("target", ["es", "es-MX"])
@pytest.mark.parametrize("languages", [("en", "es", "es-MX"), ("es-MX", "en", "es")])
def test_varieties_of_a_language_count_as_it(target: str, languages: tuple[str, ...]) -> None:
    texts = CORPUS.evaluation[0].texts["es"][:4]
    assert share(texts, target, languages).value == share(texts, "es", ("en", "es")).value > 0.9
    spanish = next(code for code in languages if code != "en")
    assert set(probabilities(texts[0], languages)) == {"en", spanish}


def test_says_which_languages_it_does_not_know() -> None:
    assert unknown(("es", "zh-Hant", "chr")) == ("chr",)
    assert "es" in known()
    assert set(probabilities("Hola, ¿qué tal?", ("es", "chr"))) == {"es"}
    with pytest.raises(SettingError, match="knows none of them"):
        probabilities("Hola", ("chr",))
    with pytest.raises(SettingError, match="does not know the language"):
        share(["Hola"], "chr")
    with pytest.raises(SettingError, match="no texts"):
        share([], "es")


def test_share_is_a_mean_with_a_bootstrap_interval() -> None:
    texts = [*CORPUS.evaluation[0].texts["es"][:4], *CORPUS.evaluation[0].texts["en"][:3]]
    values = [probabilities(text, CORPUS.languages)["es"] for text in texts]
    found = share(texts, "es", CORPUS.languages)
    spread = scipy.stats.bootstrap((values,), np.mean, n_resamples=2000, method="percentile", rng=0)
    assert found.value == pytest.approx(np.mean(values))
    assert (found.low, found.high) == pytest.approx(tuple(spread.confidence_interval))
    assert found.n == 7
    same = share(texts[:1] * 3, "es")
    assert same.value == same.low == same.high
    assert math.isnan(share(texts[:1], "es").low)
