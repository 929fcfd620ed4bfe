"""The summary in plain words says what the numbers say."""

import re
from dataclasses import replace

import pytest
from scipy import stats

from core.experiment.imported import Imported
from core.experiment.settings import Experiment
from core.pipeline.before_after import Change
from core.pipeline.measure_table import MEASURES
from dashboard.text import summary
from tests.helpers.results import make_result


def plain(**changes: object) -> str:
    """The summary without its Markdown."""
    return summary.summary(make_result(**changes)).replace("**", "")


def asked(**changes: object) -> Experiment:
    return Experiment(model="made", corpus="made", **{"experts": 20, **changes})


def test_a_gain_says_from_where_to_where_and_how_many_times() -> None:
    text = plain(top1=(0.065, 0.402))
    assert "Japanese sentence finds its translation 40% of the time, up from 6.5% (6.2 times as often)" in text
    assert "down" not in text
    assert "no real change" not in text


@pytest.mark.parametrize(("pre", "post", "times"), [(0.02, 0.5, "25"), (0.02, 0.2, "10"), (0.1, 0.2, "2.0")])
def test_large_ratios_are_whole(pre: float, post: float, times: str) -> None:
    assert f"({times} times as often)" in plain(top1=(pre, post))


@pytest.mark.parametrize(("pre", "post"), [(0.0, 0.5), (0.5, 0.6)])
def test_no_ratio_where_it_would_mislead(pre: float, post: float) -> None:
    text = plain(top1=(pre, post))
    assert "up from" in text
    assert "times as often" not in text


def test_a_loss_is_called_a_loss() -> None:
    text = plain(top1=(0.4, 0.1), distance=(0.2, 0.7))
    assert "10% of the time, down from 40%" in text
    assert "grows from 0.200 to 0.700" in text
    assert "up from" not in text
    assert "shrinks" not in text


@pytest.mark.parametrize("post", [0.396, 0.4, 0.404])
def test_half_a_point_is_no_change(post: float) -> None:
    text = plain(top1=(0.4, post), distance=(0.7, 0.705))
    assert "40% of the time, which is no real change" in text
    assert "stays at 0.700" in text
    assert "up from" not in text
    assert "down from" not in text


def test_a_change_within_overlapping_intervals_may_be_chance() -> None:
    few = make_result(top1=(0.4, 0.45))
    n = int(few.from_target["n"].min())
    assert n < 1000
    assert f"which may be chance (n = {n:,};" in summary.summary(few).replace("**", "")
    assert "may be chance" not in plain(top1=(0.05, 0.95))


def test_the_distance_that_shrinks() -> None:
    assert "the distance between translations shrinks from 0.700 to 0.200" in plain()


def test_strength_zero_claims_nothing() -> None:
    text = plain(experiment=asked(strength=0.0), top1=(0.1, 0.1))
    assert "strength 0" in text
    assert "exactly as it is" in text
    assert "finds" not in text


@pytest.mark.parametrize(
    ("strength", "expected"),
    [
        (1.0, "held at their Japanese average"),
        (0.5, "pulled to their Japanese average with strength 0.5"),
        (1.75, "pulled to their Japanese average with strength 1.75"),
        (-0.5, "pushed away from their Japanese average with strength -0.5"),
    ],
)
def test_the_deed_and_its_strength(strength: float, expected: str) -> None:
    text = plain(experiment=asked(strength=strength))
    assert f"With the 20 neurons that best recognise Japanese {expected}" in text


def test_experts_are_called_what_they_were_chosen_as() -> None:
    assert "that were chosen whatever they recognise" in plain(experiment=asked(select="all"))
    difference = plain(experiment=asked(targets=("ja", "en"), combine="difference"))
    assert "that are experts of the target alone" in difference
    assert "pushed away with strength -1 from the values of" in plain(experiment=asked(control="random", strength=-1.0))


def test_one_neuron_is_one_in_every_word() -> None:
    def one(**changes: object) -> str:
        made = make_result(asked(experts=1, **changes))
        return summary.changed(made).replace("**", "").partition(", ")[0]

    assert one() == "With the 1 neuron that best recognises Japanese held at its Japanese average"
    assert "1 neuron that was chosen whatever it recognises" in one(select="all")
    assert "1 neuron that is an expert of the target alone" in one(targets=("ja", "en"), combine="difference")
    assert one(method="aura").endswith("damped by how well it recognises Japanese")


def of_a_file(values: tuple[float, ...] | None, **changes: object) -> str:
    result = make_result(asked(experts=2, experts_from="/some/where/es.csv or /else/fr.csv", **changes))
    named = replace(result, plan=replace(result.plan, imported=Imported((3, 7), values)))
    return summary.changed(named).replace("**", "")


def test_neurons_that_a_file_names_are_said_to_be_that_files() -> None:
    assert of_a_file((1.0, 2.0)).startswith(
        "With the 2 neurons that `es.csv or fr.csv` names held at the values given there, "
    )
    assert of_a_file(None).startswith("With the 2 neurons that `es.csv or fr.csv` names held at their Japanese average")
    assert "pulled to the values given there with strength 0.5" in of_a_file((1.0, 2.0), strength=0.5)
    assert "names silenced" in of_a_file((1.0, 2.0), method="zero")
    random = of_a_file((1.0, 2.0), control="random")
    assert "put to the values of the neurons that `es.csv or fr.csv` names (a control)" in random


def test_neurons_of_several_languages_are_said_to_be_held_at_what_each_is() -> None:
    def of(**changes: object) -> str:
        result = make_result(asked(targets=("ja", "es"), **changes))
        return summary.changed(replace(result, plan=replace(result.plan, targets=("ja", "es")))).replace("**", "")

    assert "(Japanese and Spanish) held at their own languages' averages" in of()
    assert "held at their Japanese and Spanish average" in of(held_at="joint")


def test_the_random_control_is_called_that() -> None:
    text = plain(experiment=asked(control="random", experts=100))
    assert "100 random neurons" in text
    assert "control" in text
    assert "best recognise" not in text
    assert "the control finds 30.0 points more than" in of_many(
        2_000, experiment=asked(control="random"), top1=(0.1, 0.6), centred=(0.3, 0.9), best_layer=(3, 0.2)
    )
    assert "the control adds nothing" in plain(experiment=asked(control="random"), top1=(0.4, 0.4))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "With the 1 neuron that best recognises Japanese held at"),
        ({"control": "random"}, "With 1 random neuron put to"),
        ({"control": "random", "method": "zero"}, "With 1 random neuron treated as"),
    ],
)
def test_one_neuron_is_one(changes: dict[str, object], said: str) -> None:
    assert plain(experiment=asked(experts=1, **changes)).count(said) == 1


def of_many(n: int, **changes: object) -> str:
    """The summary of so many sentences, without its Markdown."""
    result = make_result(**changes)
    return summary.summary(replace(result, pairs=result.pairs.assign(n=n))).replace("**", "")


@pytest.mark.parametrize(
    ("centred", "best", "said"),
    [
        (0.3, 0.2, "the intervention finds 10.0 points more than the better of these."),
        (0.5, 0.2, "subtracting each language's mean embedding alone finds 10.0 points more than the intervention."),
        (0.3, 0.56, "layer 3 alone finds 16.0 points more than the intervention."),
        (0.3, 0.4, "the intervention cannot be told from layer 3."),
    ],
)
def test_what_is_free_is_named_with_how_much_more_or_less_it_finds(centred: float, best: float, said: str) -> None:
    text = of_many(2_000, top1=(0.1, 0.4), centred=(centred, 0.9), best_layer=(3, best))
    assert said in text
    assert text.endswith("Whitening and other maps are not among these.")
    assert f"subtracting each language's mean embedding gives {summary.percent(centred)}" in text
    assert f"layer 3 (the best on these sentences) gives {summary.percent(best)}" in text


def test_of_more_than_two_that_are_free_one_is_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    another = replace(MEASURES["centred"], name="another", free="another way")
    monkeypatch.setitem(MEASURES, "another", another)
    assert "more than the best of these." in of_many(2_000, top1=(0.1, 0.4), best_layer=(3, 0.2))


@pytest.mark.parametrize(("n", "level"), [(50, True), (5_000, False)])
@pytest.mark.parametrize("best", [0.34, 0.46])
def test_a_lead_is_claimed_only_where_the_intervals_lie_apart(n: int, level: bool, best: float) -> None:
    ends = [stats.binomtest(round(share * n), n).proportion_ci(method="wilson") for share in (0.4, best)]
    assert (max(e.low for e in ends) <= min(e.high for e in ends)) == level
    text = of_many(n, top1=(0.01, 0.4), centred=(0.1, 0.9), best_layer=(3, best))
    assert (f"by these {n:,} sentences, the intervention cannot be told from layer 3" in text) == level
    assert ("points more than" in text) != level


@pytest.mark.parametrize("post", [0.7, 0.9, 0.903])
def test_what_gains_nothing_takes_no_credit(post: float) -> None:
    text = plain(top1=(0.9, post), centred=(0.8, 0.8), best_layer=(3, 0.9))
    assert "alone finds" not in text
    assert "more than" not in text
    assert "adds nothing" in text


def test_another_target_and_other_languages() -> None:
    text = plain(experiment=asked(target="es"), languages=("es", "hi"))
    assert "recognise Spanish" in text
    assert "a Spanish sentence" in text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0.0%"), (0.0994, "9.9%"), (0.0996, "10%"), (0.25, "25%"), (0.999, "100%"), (1, "100%")]
)
def test_percentages(value: float, text: str) -> None:
    assert summary.percent(value) == text


@pytest.mark.parametrize(("pre", "post", "text"), [(0.1, 0.425, "+32.5 points"), (0.5, 0.25, "-25.0 points")])
def test_points(pre: float, post: float, text: str) -> None:
    assert summary.points(Change(pre, post)) == text


def test_markdown_is_balanced() -> None:
    for strength in (0.0, 0.5, 1.0):
        for top1 in ((0.1, 0.4), (0.4, 0.1), (0.4, 0.4), (0.0, 0.3)):
            text = summary.summary(make_result(asked(strength=strength), top1=top1))
            assert len(re.findall(r"\*\*", text)) % 2 == 0
            assert "nan" not in text


def test_conditions_say_what_neurons_are_held_at_only_where_the_method_goes_by_it() -> None:
    together = {"targets": ("ja", "es"), "held_at": "joint"}
    assert "all at the joint mean" in summary.among(asked(**together))
    assert "joint mean" not in summary.among(asked(method="set-median", **together))


@pytest.mark.parametrize(("code", "article"), [("en", "an"), ("ur", "an"), ("uk", "a"), ("ug", "a"), ("ja", "a")])
def test_a_language_has_its_article(code: str, article: str) -> None:
    name = summary.name(code)
    assert summary.question(name) == f"Does {article} {name} sentence find its translation?"
    assert f", {article} {name} sentence finds" in plain(experiment=asked(target=code), languages=("es", code))


def test_conditions_say_strength_target_languages_and_control() -> None:
    said = summary.conditions(make_result(asked(strength=0.5, control="random")))
    for condition in (
        "20 of 200 MLP neurons as experts of Japanese",
        "in 4 languages",
        "strength 0.5, on random neurons",
    ):
        assert condition in said
    assert "random" not in summary.conditions(make_result(asked()))


def test_what_gains_nothing_says_by_how_many_sentences() -> None:
    assert "by 6 sentences, the intervention adds nothing" in of_many(6, top1=(0.4, 0.4))
    assert "by 1 sentence, the intervention adds nothing" in of_many(1, top1=(0.4, 0.4))
