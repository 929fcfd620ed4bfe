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
        Whether packing computes it where it is not stored; others are packed if they are.
    """

    name: str
    about: str
    computed: bool = True


PARTS = {
    part.name: part
    for part in (
        Part("result", "retrieval, distances, baselines, chosen neurons and the joint map; always packed"),
        Part("ranks", "the rank of every translation"),
        Part("movement", "how much of the movement on the map is more than a refit's"),
        Part("cell", "the setting's cell on the page What if"),
        Part(
            "experts",
            "every neuron's score for every probe language: some 10 bytes a neuron and language",
        ),
        Part("path", "the map of strengths in between, if it is in the cache", computed=False),
        Part("rivals", "what is free beside the intervention, if it is in the cache", computed=False),
        Part("control", "a control by every measure, if it is in the cache", computed=False),
    )
}
