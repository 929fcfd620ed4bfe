"""Reads which hidden states of a model are meant: one syntax for every command and for `core.Session`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.errors import SettingError
from core.experiment.kinds import split_names

ALL = "all"


def hidden_states(given: str | Iterable[int | str] | int, n_layers: int) -> tuple[int, ...]:
    """Read hidden states, from 0 (the embeddings) to ``n_layers`` (the last), each once and in the order given.

    Parameters
    ----------
    given : str, int, or iterable of these
        ``all``, or numbers, ranges and ``last`` with commas between: ``6,last,9-12``.

    Raises
    ------
    SettingError
        For one that the model does not have, or none at all.
    """
    parts = [given] if isinstance(given, int) else split_names(given) if isinstance(given, str) else list(given)
    chosen: list[int] = []
    for part in map(str, parts):
        first, dash, last = part.replace("last", str(n_layers)).partition("-")
        named = ("0", str(n_layers)) if part == ALL else (first, last) if dash else (first, first)
        ends = [end for end in named if re.fullmatch("[0-9]{1,9}", end) and int(end) <= n_layers]
        if len(ends) < 2 or int(ends[0]) > int(ends[1]):
            raise SettingError(
                f"layers {', '.join(map(str, parts))!r}",
                f"{part!r} is none: the model has hidden states 0 (embeddings) to {n_layers} (last)",
                "Write numbers and ranges with commas between, as in 6,last or 0-5, or all.",
            )
        chosen += range(int(ends[0]), int(ends[1]) + 1)
    if not chosen:
        raise SettingError("no layers", "there is no space to compare", "Write some, as in 6,last, or all.")
    return tuple(dict.fromkeys(chosen))
