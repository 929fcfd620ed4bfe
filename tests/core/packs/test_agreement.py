"""How far two machines agree is said by the largest differences, and by the experts that both found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.packs.agreement import compare
from tests.helpers.results import make_result


def test_a_result_agrees_with_itself() -> None:
    result = make_result()
    found = compare(result, result)
    assert (found.share[1], found.other[1]) == (0.0, 0.0)
    assert found.experts == found.of == len(result.experts.neurons)


def test_the_largest_differences_are_named() -> None:
    a, b = make_result(top1=(0.1, 0.4), distance=(0.7, 0.2)), make_result(top1=(0.1, 0.43), distance=(0.75, 0.2))
    found = compare(a, b)
    assert found.share[1] == pytest.approx(0.03)
    assert found.other[1] == pytest.approx(0.05)
    assert "top-1" in found.share[0].titled().lower()
    assert "3 points" in found.in_words()
    assert "0.05" in found.in_words()


def test_only_experts_of_both_count() -> None:
    a = make_result()
    moved = a.experts.neurons.copy()
    moved[0] = max(moved) + 1
    found = compare(a, replace(a, experts=replace(a.experts, neurons=np.array(moved))))
    assert (found.experts, found.of) == (len(moved) - 1, len(moved))
