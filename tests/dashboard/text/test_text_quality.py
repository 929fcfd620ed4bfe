"""What the page says of written texts, from the texts alone."""

from __future__ import annotations

from core.inference.perplexity import Perplexity
from dashboard.text import text_quality

PROSE = ("The boats came back late, and nobody in the harbour asked where they had been all day.",)
LOOP = ("日本の日本の日本の日本の日本の日本の日本の",)


def test_a_loop_is_warned_of_only_where_the_intervention_made_it() -> None:
    said = text_quality.warning(PROSE, LOOP)
    assert "repeats itself" in said
    assert "without it: 0.0%" in said
    assert "four-character runs" in said
    assert text_quality.warning(LOOP, PROSE) == ""
    assert text_quality.warning(LOOP, LOOP) == ""
    assert text_quality.warning(PROSE, PROSE) == ""


def test_broken_characters_are_warned_of() -> None:
    assert "no characters" in text_quality.warning(PROSE, ("a\ufffdb\ufffd",))


def test_the_small_print_has_what_was_measured_and_nothing_else() -> None:
    said = text_quality.measured(LOOP, Perplexity(20.0, 10, 1))
    assert "7.4" in said  # exp(2)
    assert said.startswith("Four-character runs: ")  # Japanese has no spaces between words
    assert text_quality.measured(("one two",), None) == "Four-word runs: too short to repeat itself."
