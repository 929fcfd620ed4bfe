"""The kinds of answers that a pack may hold, by name; `core.packs.contents` has the question of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One kind of answer.

    Attributes
    ----------
    name : str
        In options and in the pack.
    about : str
        What it is, in words.
    computed : bool
        Whether packing computes it where it is not stored; others are packed if they are, as all are of a sweep.
    """

    name: str
    about: str
    computed: bool = True


PARTS = {
    part.name: part
    for part in (
        Part("result", "retrieval, distances, baselines, chosen neurons and the map; always packed, but of a sweep"),
        Part("ranks", "the rank of every translation"),
        Part("movement", "how much of the movement on the map is more than a refit's"),
        Part("cell", "the setting's cell on the page What if"),
        Part(
            "experts",
            "every neuron's score for every probe language: some 10 bytes a neuron and language",
        ),
        Part("path", "the map of strengths in between, if it is in the cache", computed=False),
        Part("rivals", "what is free beside the intervention"),
        Part("control", "a control by every measure, if it is in the cache", computed=False),
        Part("texts", "what Generate wrote, and its prompts, if in the cache; only where asked for", computed=False),
        Part("measures", "every measure of both spaces, for lists; of settings that are packed without their result"),
    )
}

TEXTS = "texts"
"""It holds what people typed, whoever they were, so that it is packed only where it is asked for."""

USUAL = tuple(name for name in PARTS if name != TEXTS)
"""The parts that are packed unless others are asked for."""

OF_CELLS = ("cell", "measures")
"""Those of the cells of a sweep: they need no embeddings."""
