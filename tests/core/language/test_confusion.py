"""Line and word pass rates, against a plain loop over the definition of the Language Confusion Benchmark."""

from __future__ import annotations

import math
import string

import numpy as np
import pytest
from scipy.stats import binomtest

from core.errors import SettingError
from core.language import identification
from core.language.confusion import Confusion, confusion, n_words

GERMAN = "Das ist ein ganz gewöhnlicher Satz über das Wetter von heute."
ENGLISH = "This is quite an ordinary sentence about the weather today."
RUSSIAN = "Это самое обыкновенное предложение о сегодняшней погоде."
MIXED = "Это самое обыкновенное предложение о sentence сегодняшней погоде."
TEXTS = {
    "de": [GERMAN, ENGLISH, f"{GERMAN}\n{ENGLISH}", "Ja.", f"{GERMAN}\nJa.", "", f"{GERMAN}\nQ: {ENGLISH}"],
    "ru": [RUSSIAN, MIXED, f"{RUSSIAN}\n{MIXED}", ENGLISH, f"{RUSSIAN}\n{ENGLISH}", "Да.", "Да — нет"],
}
WORDS = {"sentence", "weather", "about"}


def by_definition(texts: list[str], wanted: str, words: set[str]) -> tuple[float, float, float]:
    """Share of lines, line and word pass rate: the benchmark's loop, with another classifier."""
    word_errors = line_errors = looked_at = 0
    shares = []
    for text in texts:
        text = text.split("\nQ:")[0].strip().translate(str.maketrans("", "", string.punctuation))
        lines = [line for line in text.replace("—", " ").replace("،", "").split("\n") if len(line.split()) >= 5]
        if not lines:
            continue
        looked_at += 1
        found = []
        for line in lines:
            code, share = next(iter(identification.probabilities(line).items()))
            found.append(code if share > 0.3 else "unknown")
        errors = sum(code != wanted for code in found)
        if errors > 0:
            line_errors += 1
        elif any(word in words for line in lines for word in line.split()):
            word_errors += 1
        shares.append(1 - errors / len(lines))
    rate = 1 - line_errors / max(1, looked_at)
    return sum(shares) / len(shares), rate, 1 - word_errors / max(1, looked_at - line_errors)


@pytest.mark.parametrize("language", TEXTS)
def test_rates_are_those_of_the_definition(language: str) -> None:
    found = confusion(TEXTS[language], language, WORDS)
    share, lines, words = by_definition(TEXTS[language], language, WORDS)
    assert math.isclose(found.line_share.value, share)
    assert math.isclose(found.line_pass_rate.value, lines)
    assert found.line_pass_rate.n == found.line_share.n == sum(found.lines > 0)
    assert found.line_pass_rate.low < lines < found.line_pass_rate.high
    if language == "de":
        assert math.isnan(found.word_pass_rate.value)  # Latin letters
    else:
        assert math.isclose(found.word_pass_rate.value, words)
        assert 0 < words < 1
        assert confusion(TEXTS[language], language).word_pass_rate == found.word_pass_rate


def test_two_characters_are_a_word_where_no_spaces_stand() -> None:
    assert n_words("空はなぜ青いのですか") == 5
    assert n_words("天空") == 1
    assert n_words("the sky is 天空 blue") == 5
    found = confusion(["空はなぜ青いのですか。今日の天気はとてもいいですね。"], "ja")
    assert found.lines.tolist() == [1]
    assert found.right.tolist() == [1]


@pytest.mark.parametrize(
    ("language", "pure", "mixed"),
    [
        ("ja", "今日の天気はとてもいいですね。", "今日のweatherはとてもいいですね。"),
        ("ja", "空はなぜ青いのですか。", "空はなぜ青い「sentence」のですか。"),
        ("zh", "今天的天气非常好,我们去公园吧。", "今天的weather。非常好,我们去公园吧。"),
        ("th", "วันนี้อากาศดีมากเราไปสวนกันเถอะ", "วันนี้weatherดีมากเราไปสวนกันเถอะ"),
    ],
)
def test_an_english_word_is_found_where_no_spaces_stand(language: str, pure: str, mixed: str) -> None:
    found = confusion([pure, mixed], language, WORDS)
    assert found.word_errors.tolist() == [False, True]
    assert confusion([pure, mixed], language).word_errors.tolist() == [False, True]


def test_lines_that_are_all_right_leave_open_what_others_are() -> None:
    """Of five texts: the lower end is Wilson's, as that of the pass rate is."""
    found = confusion([GERMAN] * 5, "de")
    low = binomtest(5, 5).proportion_ci(method="wilson").low
    for rate in (found.line_share, found.line_pass_rate):
        assert (rate.value, rate.low, rate.high, rate.n) == pytest.approx((1.0, low, 1.0, 5))


def test_nothing_to_look_at_is_no_rate() -> None:
    found = confusion(["", "Ja."], "de")
    assert [math.isnan(rate.value) for rate in (found.line_share, found.line_pass_rate)] == [True, True]
    none = Confusion(np.array([]), np.array([]), np.array([], dtype=bool), False)
    assert math.isnan(none.word_pass_rate.value)
    with pytest.raises(SettingError, match="tlh"):
        confusion(["nuqneH"], "tlh")
