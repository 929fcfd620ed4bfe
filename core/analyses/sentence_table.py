"""The sentences of an experiment one by one: their embeddings in both spaces, and their places on the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.corpora.corpus import ParallelSet
from core.errors import SettingError
from core.language.codes import canonical
from core.pipeline.result import Result
from core.pipeline.run import Run


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Every evaluated sentence before and after an intervention, at one layer.

    Attributes
    ----------
    layer : int
        Index of the hidden state, 0 for the model's input embeddings.
    sentences : DataFrame
        ``group, language, id, text``, one row a sentence; those of one group and id say the same.
    pre, post : ndarray of float32, (n_sentences, hidden)
        Row ``i`` is that of sentence ``i``.
    """

    layer: int
    sentences: pd.DataFrame
    pre: np.ndarray
    post: np.ndarray

    @property
    def languages(self) -> tuple[str, ...]:
        """Canonical codes, in the order of the rows."""
        return tuple(dict.fromkeys(self.sentences["language"]))

    def of(self, language: str) -> tuple[np.ndarray, np.ndarray]:
        """One language's embeddings before and after, each (n_sentences, hidden).

        Raises
        ------
        SettingError
            Where it was not evaluated.
        """
        code = canonical(language)
        if code not in self.languages:
            raise SettingError(
                f"embeddings of {language!r}",
                f"the sentences are in {', '.join(self.languages)}",
                "Choose one of these, or evaluate on more languages.",
            )
        rows = (self.sentences["language"] == code).to_numpy()
        return self.pre[rows], self.post[rows]

    def __len__(self) -> int:
        return len(self.sentences)

    def __repr__(self) -> str:
        shape = f"{len(self):,} sentences in {', '.join(self.languages)}"
        return f"Embeddings({shape}; {self.pre.shape[1]:,} dimensions at layer {self.layer}, before and after)"


def embeddings(run: Run) -> Embeddings:
    """Read both spaces at the plan's layer, computing what is missing."""
    _, intervention = run.spaces()
    plan = run.plan
    spaces = [
        np.concatenate(
            [
                space.reshape(-1, space.shape[-1])
                for space in (
                    run.stages.embeddings(number, changed_by, plan.layer) for number in range(len(plan.groups))
                )
            ]
        )
        for changed_by in (None, intervention)
    ]
    return Embeddings(plan.layer, sentences(plan.groups, [len(group) for group in plan.groups]), *spaces)


def map_points(result: Result) -> pd.DataFrame:
    """Where every sentence of the map is before and after.

    Returns
    -------
    DataFrame
        ``group, language, id, text, x_pre, y_pre, x_post, y_post``, one row a sentence.
    """
    frame = sentences(result.plan.groups, [pre.shape[1] for pre, _ in result.maps])
    pre, post = (np.concatenate([planes[side].reshape(-1, 2) for planes in result.maps]) for side in (0, 1))
    return frame.assign(x_pre=pre[:, 0], y_pre=pre[:, 1], x_post=post[:, 0], y_post=post[:, 1])


def sentences(groups: Sequence[ParallelSet], counts: Sequence[int]) -> pd.DataFrame:
    """The first sentences of each group as a table, by group, language and row: ``group, language, id, text``."""
    return pd.DataFrame(
        [
            (number, code, name, text)
            for number, (group, count) in enumerate(zip(groups, counts, strict=True))
            for code, texts in group.texts.items()
            for name, text in zip(group.ids[:count], texts[:count], strict=True)
        ],
        columns=["group", "language", "id", "text"],
    )
