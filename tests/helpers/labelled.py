"""A table of sentences with labels, an experiment on it, and hits that are known: for tests of zero-shot transfer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.analyses.transfer import Space, Transfer
from core.analyses.transfer_rows import Task
from core.corpora.corpus import ParallelSet
from core.experiment.settings import Experiment
from core.spaces.linear_probe import NO_CLASS
from tests.helpers.tiny import LANGUAGES, sentences

N_TRAIN, N_TEST = 20, 12
TOPICS = ("pets", "people", "people", "people", "birds")  # by the subjects of the sentences


def topic(row: int) -> str:
    """The label of a row."""
    return TOPICS[row % 5]


def write_labelled(path: Path, blank: Sequence[int] = (), languages: Sequence[str] = LANGUAGES) -> str:
    """Write a corpus table with labels, blank in some rows; give the spec that names it."""
    lines = [["split", "label", *languages]]
    for row in range(N_TRAIN + N_TEST):
        label = "" if row in blank else topic(row)
        split = "probe" if row < N_TRAIN else "evaluation"
        lines.append([split, label, *(sentences(code, 1, row)[0] for code in languages)])
    path.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")
    return f"table:{path}"


def labelled(asked: Experiment, path: Path, blank: Sequence[int] = ()) -> Experiment:
    """The experiment on a labelled table."""
    return replace(asked, corpus=write_labelled(path, blank))


N_FOUND = 60  # rows that `found` tests on
PRE, POST, CENTRED, RIDGE = Space("pre", 2), Space("post", 2), Space("pre", 2, "own-means"), Space("pre", 2, "ridge")


def found(shares: dict[Space, tuple[float, float, float]], train: str = "en") -> Transfer:
    """Hits of which the given share is right in English, German and Spanish: the first rows of each."""
    texts = {code: tuple(f"{code} {row}" for row in range(N_FOUND + 1)) for code in ("en", "de", "es")}
    rows = ParallelSet(tuple(map(str, range(N_FOUND + 1))), texts)
    classes = np.append(np.arange(N_FOUND) % 3 != 0, NO_CLASS).astype(np.int16)
    classes[-1] = NO_CLASS
    task = Task(rows, rows, 0, ("a", "b"), classes, classes, classes != NO_CLASS)
    hits = {
        (train, space): {
            code: np.arange(N_FOUND) < round(share * N_FOUND)
            for code, share in zip(("en", "de", "es"), of_space, strict=True)
        }
        for space, of_space in shares.items()
    }
    return Transfer(task, "es", 0, hits)
