"""A setting in words tells apart what differs, and names no place of a machine."""

from __future__ import annotations

from dataclasses import replace

from core.experiment.settings import Experiment
from core.experiment.title import in_words

HERE = Experiment(target="ja", experts=2000)


def test_settings_that_differ_are_named_differently() -> None:
    others = [
        replace(HERE, method="linear-act"),
        replace(HERE, layer="11"),
        replace(HERE, control="random"),
        replace(HERE, languages=("en", "ja")),
        replace(HERE, seed=3),
        HERE,
    ]
    assert len({in_words(other) for other in others}) == len(others)
    assert in_words(others[3]) == "Japanese, 2,000 experts, strength 1, languages en, ja"
    assert in_words(others[1], without=["layer"]) == in_words(HERE)


def test_a_control_is_called_by_its_title() -> None:
    assert in_words(replace(HERE, control="random-layers")) == (
        "Japanese, 2,000 random neurons, the same layers, strength 1"
    )


def test_of_a_path_the_last_part_is_named() -> None:
    assert in_words(replace(HERE, model="/home/me/models/tiny")).endswith("strength 1, model tiny")


def test_named_neurons_are_named_and_not_counted() -> None:
    one, two = (replace(HERE, experts=1, experts_from=f"12:down_proj:{unit}=4.2") for unit in (33, 34))
    assert in_words(one) == "Japanese, experts from 12:down_proj:33=4.2, strength 1"
    assert in_words(one) != in_words(two)
    assert in_words(replace(one, control="random")).startswith("Japanese, random neurons, as many as experts from 12:")
    assert in_words(replace(HERE, experts_from="/home/me/e.csv")) == "Japanese, experts from e.csv, strength 1"
    assert in_words(replace(HERE, experts=1)) == "Japanese, 1 expert, strength 1"
    assert in_words(replace(HERE, experts=1, control="random")) == "Japanese, 1 random neuron, strength 1"


def test_all_neurons_are_not_counted() -> None:
    """K says nothing of them, and that all are chosen is said once."""
    everything = replace(HERE, select="all", expert_layers="6")
    assert in_words(everything) == "Japanese, all neurons, strength 1, expert layers 6"
    drawn = "Japanese, random neurons, as many as all neurons, strength 1, expert layers 6"
    assert in_words(replace(everything, control="random")) == drawn
    assert in_words(replace(HERE, select="layer")) == "Japanese, 2,000 experts, strength 1, select layer"
