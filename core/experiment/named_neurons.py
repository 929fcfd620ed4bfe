"""How neurons are named where their score does not choose them: files and neurons by hand, put together by words.

``experts.csv``, ``12:down_proj:33``, ``12:down_proj:33=4.2``, ``es.csv and /some/where/fr.csv``. What a file holds is
read by `core.experiment.imported`.
"""

from __future__ import annotations

import re

BY_HAND = re.compile(r"(\d+):([\w.]+):(\d+)(?:=(.+))?")
"""One neuron: block, site, unit, and perhaps the value that it is held at."""

OPERATION = re.compile(r"(?<!\s)\s+(or|and|without)\s+")  # not tried at every blank of many
"""What stands between two names."""


def names_files(spec: str | None) -> bool:
    """Whether a spec names any file, and not neurons by hand alone."""
    return not all(BY_HAND.fullmatch(part) for part in files(spec))


def files(spec: str | None) -> list[str]:
    """The files, or neurons by hand, that are put together; none where none are named."""
    return OPERATION.split(spec.strip())[::2] if spec else []


def in_short(spec: str) -> str:
    """A spec without the folders that its files are in, which are of one machine."""
    parts = OPERATION.split(spec.strip())
    parts[::2] = [part.rsplit("/", 1)[-1] for part in parts[::2]]
    return " ".join(parts)
