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
    """

    name: str
    version: int
    keeps: str
    again: str
    cost: Cost
    title: str = ""
    droppable: bool = True
    derived: bool = False

    def spec(self, **inputs: Any) -> dict[str, Any]:
        """What determines an artefact: its inputs, and the version of the code."""
        return {"version": self.version, **inputs}


# Three stages keep joint maps: what changes a map raises the version of all three.
_JOINT_MAP = 2

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
        Stage("ranks", 1, "ranks of translations", "a moment, from the embeddings", Cost.MOMENT, derived=True),
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
