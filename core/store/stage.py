"""The stages: every kind of result that the cache keeps, in one table.

A stage is a pure function of its spec and of other stages' results; each result is an artefact, kept under the digest
of its spec. Whatever lists or removes artefacts reads `STAGES`, and so does the code of a stage, for its version and
for the title of its progress. The table stands beside the store because the conversion of the embedded model and the
inventory, which lie below the pipeline, read it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class NotCached(Exception):  # noqa: N818 - an answer, not an error
    """A result was requested only if it is stored already, and it is not."""


PASSING = "passing"
"""The fact of artefacts that whoever makes them will soon drop: they are not sent to a shared store."""


class Cost(IntEnum):
    """How long it takes to compute an artefact again, the shortest first."""

    MOMENT = 0
    """Under a second, from other artefacts."""
    SECONDS = 1
    """Some seconds, from other artefacts."""
    PASSES = 2
    """Passes of the model, or its conversion: from half a minute to hours, by model and corpus."""


@dataclass(frozen=True)
class Stage:
    """One kind of result.

    Attributes
    ----------
    name : str
        Of the folder of its artefacts; it never changes.
    version : int
        Raised when what the stage computes changes: artefacts of another version are not used any more.
    keeps : str
        What its artefacts hold, in words.
    again : str
        What it takes to have one again, in words.
    cost : Cost
        The same as a rank.
    title : str
        What the progress report says while it is computed; a run may add which side.
    droppable : bool
        Whether an artefact may be removed unasked, to make room. A person may remove any.
    derived : bool
        Whether it is computed even for a question that may only read, since its inputs are stored and it takes a
        moment.
    shared : bool
        Whether it goes to a store that several machines share (`core.store.shared_store`).
    """

    name: str
    version: int
    keeps: str
    again: str
    cost: Cost
    title: str = ""
    droppable: bool = True
    derived: bool = False
    shared: bool = True

    def spec(self, **inputs: Any) -> dict[str, Any]:
        """What determines an artefact: its inputs, and the version of the code."""
        return {"version": self.version, **inputs}


# Three stages keep maps of several spaces, and one maps of one: what changes a map raises the version of all its kind.
_JOINT_MAP = 3
_MAP_OF_ONE = 2

STAGES = {
    stage.name: stage
    for stage in (
        Stage(
            "model",
            1,
            "the embedded model, converted",
            "half a minute to convert again",
            Cost.PASSES,
            "converting the embedded model",
            droppable=False,  # every start needs it
            shared=False,  # large, and made from files that every machine has
        ),
        Stage(
            "responses",
            1,
            "every neuron's response to the probe sentences",
            "a pass over the probe sentences",
            Cost.PASSES,
            "reading every neuron on the probe sentences",
        ),
        Stage(
            "expertise",
            1,
            "how well every neuron tells each language",
            "seconds, from the responses",
            Cost.SECONDS,
            "ranking the neurons",
        ),
        Stage(
            "learned-map",
            1,
            "interventions that were learned by gradient",
            "passes forward and back over some probe sentences",
            Cost.PASSES,
            "learning the intervention",
        ),
        Stage(
            "source-maps",
            1,
            "maps between languages that were fitted on translations",
            "seconds, from the responses",
            Cost.SECONDS,
            "fitting maps between languages",
        ),
        Stage(
            "embeddings",
            2,
            "sentences embedded at every layer",
            "a pass over the evaluation sentences",
            Cost.PASSES,
            "embedding the sentences",
        ),
        Stage(
            "embedding-parts",
            1,
            "rounds of a run that was stopped",
            "what was finished of it",
            Cost.PASSES,
            "embedding the sentences",
            droppable=False,  # a run under way reads them
            shared=False,  # gone when the run ends
        ),
        Stage(
            "layer-embeddings",
            1,
            "sentences embedded at one layer",
            "a pass over the evaluation sentences",
            Cost.PASSES,
            "embedding the sentences",
        ),
        Stage(
            "layer",
            1,
            "retrieval and distance at a layer",
            "a moment, from the embeddings",
            Cost.MOMENT,
            "measuring retrieval and distance",
        ),
        Stage(
            "profile",
            1,
            "retrieval at every layer",
            "seconds, from the embeddings",
            Cost.SECONDS,
            "measuring retrieval and distance",
        ),
        Stage(
            "rival-layers",
            1,
            "the layer at which a free rival does best on probe rows",
            "seconds, from the embeddings",
            Cost.SECONDS,
            "choosing the rivals' layers",
        ),
        Stage(
            "rival-measures",
            1,
            "a space measured: as it is, or mapped by a free rival",
            "seconds, from the embeddings",
            Cost.SECONDS,
            "measuring what is free",
        ),
        Stage(
            "rival-map",
            _MAP_OF_ONE,
            "maps of one space",
            "seconds, from the embeddings",
            Cost.SECONDS,
            "drawing the map",
        ),
        Stage("projection", _JOINT_MAP, "maps", "seconds, from the embeddings", Cost.SECONDS, "drawing the map"),
        Stage(
            "path",
            _JOINT_MAP,
            "maps of several strengths",
            "seconds, from the embeddings",
            Cost.SECONDS,
            "drawing one map of all strengths",
        ),
        Stage(
            "movement",
            _JOINT_MAP,
            "maps fitted again",
            "seconds, from the embeddings",
            Cost.SECONDS,
            "drawing the map again with another seed",
        ),
        Stage(
            "setting",
            1,
            "settings that were computed, with their measures",
            "a moment, from the measures",
            Cost.MOMENT,
            derived=True,
        ),
        Stage(
            "sentence-values",
            1,
            "every measure, sentence by sentence",
            "a moment, from the embeddings",
            Cost.MOMENT,
            derived=True,
        ),
        Stage("ranks", 1, "ranks of translations", "a moment, from the embeddings", Cost.MOMENT, derived=True),
        Stage(
            "top-sentences",
            1,
            "what a neuron gives at the tokens of sentences",
            "a pass over ten sentences",
            Cost.SECONDS,
            "reading the neuron token by token",
        ),
        Stage(
            "own-sentence",
            1,
            "sentences of one's own, embedded",
            "a pass over the sentence",
            Cost.SECONDS,
            "reading your sentence",
        ),
        Stage(
            "search",
            1,
            "what searches for the best setting found",
            "the minutes of the search again",
            Cost.PASSES,
            "searching for the best setting",
        ),
        Stage(
            "transfer",
            1,
            "classes that a linear probe gives to sentences",
            "seconds, from the embeddings",
            Cost.SECONDS,
            "training and testing linear probes",
        ),
        Stage("written", 2, "texts that the model wrote", "writing them again", Cost.PASSES, "writing"),
        Stage(
            "perplexity-by-text",
            1,
            "perplexities, text by text",
            "a pass over the texts",
            Cost.PASSES,
            "predicting the text",
        ),
        Stage(  # what earlier versions kept; read, and not written any more
            "perplexity", 1, "perplexities", "a pass over the texts", Cost.PASSES, "predicting the text"
        ),
        Stage(
            "paraphrases",
            2,
            "which paraphrases are found",
            "a moment, from the embeddings",
            Cost.MOMENT,
            "embedding the paraphrases",
        ),
        Stage(
            "reproduced-hits",
            2,
            "which translations are found",
            "a moment, from the embeddings",
            Cost.MOMENT,
            derived=True,
        ),
        Stage(
            "reproduced-retrieval",
            2,
            "tables of retrieval",
            "seconds, from the embeddings",
            Cost.SECONDS,
            derived=True,
        ),
    )
}


def registered(name: str) -> Stage:
    """Look up a stage by name; raises LookupError if the table does not have it."""
    if name not in STAGES:
        raise LookupError(f"stage {name!r} is not in core.store.stage.STAGES, which has {', '.join(STAGES)}")
    return STAGES[name]
