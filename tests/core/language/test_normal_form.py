"""Normal forms are Unicode's own, except of what no writing has, which would take minutes."""

from __future__ import annotations

import unicodedata

import pytest

from core.corpora.validation import repeats
from core.language.lexical import overlap
from core.language.normal_form import normal

# Marks that are to be sorted into another order; some show only once they are decomposed.
STACKS = ["\u0301\u0323", "\u0f73", "\u0301\uff9e", "\u0344\u0323"]


@pytest.mark.parametrize("form", ["NFC", "NFKD"])
def test_writing_is_normalised_as_unicode_says(form) -> None:
    long = "Việt Nam e\u0323\u0301 ﬁ 각 ガ नि " * 100
    for text in ("", "é", "e\u0301", "a\u0301\u0323", "x" * 5000, long, "a" + "\u0301\u0323" * 30):
        assert normal(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("marks", STACKS)
def test_a_stack_of_marks_stays_as_it_is(marks: str) -> None:
    text = "a" + marks * 300_000  # to normalise it takes minutes
    assert normal("NFKD", text) == text
    assert repeats([text, "b", text]) == [(0, 2)]
    assert overlap([text], [text]) == 1
