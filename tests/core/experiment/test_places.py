"""What is passed on names no folder of the machine that it is from."""

from __future__ import annotations

from dataclasses import fields

from core.experiment.places import PLACES, without_folders
from core.experiment.settings import Experiment


def test_of_every_place_the_last_part_is_named_and_all_else_stays() -> None:
    asked = Experiment(
        model="/home/anna/models/tiny",
        adapter="/home/anna/adapters/es",
        corpus="table:/home/anna/rows.tsv",
        probe_corpus="flores:/data/flores200",
        experts_from="/home/anna/es.csv or 3:down_proj:1",
        experts=7,
        strength=0.5,
    )
    short = without_folders(asked)
    assert {name: getattr(short, name) for name in PLACES} == {
        "model": "tiny",
        "adapter": "es",
        "corpus": "table:rows.tsv",
        "probe_corpus": "flores:flores200",
        "experts_from": "es.csv or 3:down_proj:1",
    }
    others = [field.name for field in fields(Experiment) if field.name not in PLACES]
    assert [getattr(short, name) for name in others] == [getattr(asked, name) for name in others]
    assert without_folders(Experiment()) == Experiment()
