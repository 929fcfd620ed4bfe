"""Every measure says what plain loops over a result's tables say, and stands at one place of its own."""

from __future__ import annotations

from typing import Any

import pytest

from core.pipeline.before_after import BeforeAfter, Change
from core.pipeline.measure_table import MEASURES, to_json
from core.pipeline.result import Result
from tests.helpers.results import make_result


@pytest.fixture(scope="module")
def result() -> Result:
    made = make_result(by_candidate={"en": (0.1, 0.9), "es": (0.5, 0.2)}, best_layer=(2, 0.25))
    made.pairs["distance_post"] = [number / 100 for number in range(len(made.pairs))]
    made.medoid["pre"] = [0.1, 0.2, 0.6, 0.3]
    return made


def _mean(result: BeforeAfter, column: str, query: str | None = None) -> float:
    rows = [row for row in result.pairs.to_dict("records") if query in (None, row["query"])]
    return sum(row[column] for row in rows) / len(rows)


def test_measures_are_plain_loops_over_the_tables(result: Result) -> None:
    target = result.plan.target
    for end in ("pre", "post"):
        expected = {
            "target_top1": _mean(result, f"top1_{end}", target),
            "all_top1": _mean(result, f"top1_{end}"),
            "centred": _mean(result, f"centred_{end}", target),
            "best_layer": {"pre": 0.25, "post": 0.02}[end],
            "distance": _mean(result, f"distance_{end}"),
            "target_distance": _mean(result, f"distance_{end}", target),
            "target_medoid": {"pre": 0.6, "post": 0.1}[end],
            "others_medoid": {"pre": 0.2, "post": 0.1}[end],
        }
        read = {name: getattr(measure.read(result), end) for name, measure in MEASURES.items()}
        assert read == pytest.approx(expected)


def test_each_has_a_place_of_its_own_in_the_json(result: Result) -> None:
    document = to_json(result)
    assert set(document) == {"summary", "distance", "baselines"}

    def leaves(part: dict[str, Any]) -> int:
        return 1 if "pre" in part else sum(leaves(inner) for inner in part.values())

    assert leaves(document) == len(MEASURES)
    assert document["summary"]["all_top1"] == MEASURES["all_top1"].read(result).to_json()
    assert document["distance"]["to_medoid"]["target"]["pre"] == 0.6
    assert document["baselines"]["best_layer"] == {"layer": 2, "pre": 0.25, "post": 0.02}


def test_titles_tell_them_apart_and_name_the_target(result: Result) -> None:
    assert len({measure.titled() for measure in MEASURES.values()}) == len(MEASURES)
    assert MEASURES["target_top1"].titled("Japanese") == "Top-1 from Japanese"
    assert MEASURES["best_layer"].titled("Japanese", result) == "Top-1 at the best unmodified layer (layer 2)"
    for measure in MEASURES.values():
        assert "{" not in measure.titled() + measure.explained()
        assert measure.explained("Japanese").endswith(".")


def test_what_is_free_is_said_in_words_with_its_value_before(result: Result) -> None:
    values = dict(measure.free_value(result) for measure in MEASURES.values() if measure.free)
    assert values == {"subtracting each language's mean embedding": 0.3, "layer 2 (the best on these sentences)": 0.25}


def test_a_measure_is_written_in_its_unit() -> None:
    unit = MEASURES["target_top1"].unit
    assert (unit.text(0.0652), unit.change_text(-0.25)) == ("6.5%", "-25.0 points")
    unit = MEASURES["distance"].unit
    assert (unit.text(0.7), unit.change_text(-0.5)) == ("0.700", "-0.500")
    assert [format(0.25, measure.unit.number_format) for measure in MEASURES.values()] == ["25.0%"] * 4 + ["0.250"] * 4
    assert Change(float("nan"), 0.5).to_json() == {"pre": None, "post": 0.5}
