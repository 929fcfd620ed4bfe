"""The one table of measures: what each is called, which way is better, how it is written and read.

The command line, the JSON of a result, the grid of settings, the report and every page of the dashboard list what
stands in `MEASURES`. To add a measure, add its numbers to `core.spaces.pairs.COLUMNS`, where it has new ones, and the
measure here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.pipeline.before_after import BeforeAfter, Change
from core.pipeline.sentence_values import SentenceSpace, SentenceValues
from core.spaces.similarity import CENTRED
from core.stats.units import DISTANCE, SHARE, Unit


@dataclass(frozen=True)
class Measure:
    """One measure of an experiment's two spaces.

    Attributes
    ----------
    name : str
        In links, in JSON and in the cells of a grid.
    title : str
        For lists; ``{target}`` stands for the target language.
    unit : Unit
    higher_is_better : bool
    about : str
        What it says, in one plain sentence; ``{target}`` as in the title.
    read : callable
        Both values, from what was measured of the two spaces.
    place : tuple of str
        Where it stands in the JSON of a result; in ``summary`` by its name, unless given.
    details : callable
        What its JSON says beside the two values.
    free : str
        What gives its value before without any intervention, in words that its details complete; empty where nothing
        does. An intervention is worth its cost where ``target_top1`` after is above all of these.
    headline : bool
        Shown large on the first page.
    reads_layers : bool
        It is read from the table of all layers, which a cell of a grid has not.
    by_sentence : callable, optional
        The same of one space sentence by sentence, for paired intervals of the difference of two settings; without it,
        their difference is shown without an interval.
    """

    name: str
    title: str
    unit: Unit
    higher_is_better: bool
    about: str
    read: Callable[[BeforeAfter], Change]
    place: tuple[str, ...] = ()
    details: Callable[[BeforeAfter], Mapping[str, Any]] = lambda _: {}
    free: str = ""
    headline: bool = False
    reads_layers: bool = False
    by_sentence: SentenceValues | None = None

    @property
    def json_place(self) -> tuple[str, ...]:
        """Where it stands in the JSON of a result, given or not."""
        return self.place or ("summary", self.name)

    def titled(self, target: str = "the target", of: BeforeAfter | None = None) -> str:
        """Name it for a target language, with what belongs to one result where that is given."""
        details = ", ".join(f"{name} {value}" for name, value in self.details(of).items()) if of is not None else ""
        return self.title.format(target=target) + (f" ({details})" if details else "")

    def free_value(self, spaces: BeforeAfter) -> tuple[str, float]:
        """Say what gives the value without any intervention, and the value."""
        return self.free.format(**self.details(spaces)), self.read(spaces).pre

    def explained(self, target: str = "the target") -> str:
        """Say what it says, for a target language."""
        return self.about.format(target=target)


MEASURES = {
    measure.name: measure
    for measure in (
        Measure(
            "target_top1",
            "Top-1 from {target}",
            SHARE,
            True,
            "Share of sentences in {target} whose nearest candidate is the translation; mean over candidate languages.",
            lambda spaces: spaces.target_top1,
            headline=True,
            by_sentence=SentenceSpace.top1_from_target,
        ),
        Measure(
            "all_top1",
            "Top-1, all pairs",
            SHARE,
            True,
            "Share of sentences whose nearest candidate is the translation; mean over all ordered pairs of languages.",
            lambda spaces: spaces.all_top1,
            headline=True,
            by_sentence=SentenceSpace.top1_of_all,
        ),
        Measure(
            "centred",
            "Top-1, mean-centred",
            SHARE,
            True,
            "Top-1 from {target} after subtracting each language's mean embedding, which needs no intervention.",
            lambda spaces: spaces.centred,
            place=("baselines", "centred"),
            free="subtracting each language's mean embedding",
            by_sentence=lambda space: space.top1_from_target(CENTRED),
        ),
        Measure(
            "best_layer",
            "Top-1 at the best unmodified layer",
            SHARE,
            True,
            "Top-1 from {target} at the layer where the unmodified model finds most, which needs no intervention; it "
            "is chosen on these same rows, which favours it.",
            lambda spaces: spaces.best_layer[1],
            place=("baselines", "best_layer"),
            details=lambda spaces: {"layer": spaces.best_layer[0]},
            free="layer {layer} (the best on these sentences)",
            reads_layers=True,
            by_sentence=lambda space: space.top1_from_target(layer=space.best_layer),
        ),
        Measure(
            "distance",
            "Distance, all pairs",
            DISTANCE,
            False,
            "Cosine distance between translations; mean over sentences and over all pairs of languages.",
            lambda spaces: spaces.all_pairs_distance,
            place=("distance", "all_pairs"),
            headline=True,
            by_sentence=SentenceSpace.distance_of_all,
        ),
        Measure(
            "target_distance",
            "Distance to {target}",
            DISTANCE,
            False,
            "Cosine distance between translations; mean over sentences and over pairs with {target}.",
            lambda spaces: spaces.target_distance,
            place=("distance", "to_target"),
            by_sentence=SentenceSpace.distance_to_target,
        ),
        Measure(
            "target_medoid",
            "Distance to the medoid, {target}",
            DISTANCE,
            False,
            "Cosine distance from the mean embedding of {target} to the medoid of all sentences.",
            lambda spaces: spaces.to_medoid(of_target=True),
            place=("distance", "to_medoid", "target"),
            by_sentence=lambda space: space.medoid_distance(of_target=True),
        ),
        Measure(
            "others_medoid",
            "Distance to the medoid, others",
            DISTANCE,
            False,
            "Cosine distance from a language's mean embedding to the medoid; mean over all languages but {target}.",
            lambda spaces: spaces.to_medoid(of_target=False),
            place=("distance", "to_medoid", "others"),
            by_sentence=lambda space: space.medoid_distance(of_target=False),
        ),
    )
}
"""Every measure by name, in the order of all lists."""


def to_json(spaces: BeforeAfter) -> dict[str, Any]:
    """Every measure as JSON values, each at its place."""
    document: dict[str, Any] = {}
    for measure in MEASURES.values():
        *outer, name = measure.json_place
        part = document
        for key in outer:
            part = part.setdefault(key, {})
        part[name] = {**measure.details(spaces), **measure.read(spaces).to_json()}
    return document
