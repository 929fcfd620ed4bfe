"""The stages' versions, and the answer where a stage may not compute."""

from __future__ import annotations

# One number a stage: raise it when what the stage computes changes, and its old artefacts are not used any more.
VERSIONS = {"responses": 1, "expertise": 1, "embeddings": 2, "layer": 1, "profile": 1, "projection": 2}


class NotCached(Exception):  # noqa: N818 - an answer, not an error
    """A result was asked for only if it is known already, and it is not."""
