"""Settings that may name a file or a folder of this machine, and how they are named elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.access import without_folder
from core.experiment.named_neurons import in_short
from core.experiment.settings import Experiment

PLACES = ("model", "adapter", "corpus", "probe_corpus", "experts_from")
"""Names of these settings."""


def passed_on(name: str, place: str) -> str:
    """What a setting names, as it may stand in a file that is passed on: of every path only its last part.

    >>> passed_on("experts_from", "es.csv or /home/anna/fr.csv"), passed_on("model", "/home/anna/this and that")
    ('es.csv or fr.csv', 'this and that')
    """
    return in_short(place) if name == "experts_from" else without_folder(place)


def without_folders(experiment: Experiment) -> Experiment:
    """The settings as they are passed on: of files and folders only the last part."""
    named = {name: getattr(experiment, name) for name in PLACES}
    short: dict[str, Any] = {name: passed_on(name, place) for name, place in named.items() if place}
    return replace(experiment, **short)
