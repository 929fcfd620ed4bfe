"""One sentence's nearest neighbours in every other language, before and after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.pipeline.run import Run
from core.spaces.neighbours import Neighbours, nearest
from core.spaces.similarity import COMPARISONS


@dataclass(frozen=True)
class SentenceView:
    """One sentence's neighbours in every other language of its group, in both spaces.

    Attributes
    ----------
    found : dict of code to (pre, post)
    """

    found: dict[str, tuple[Neighbours, Neighbours]]


def of_sentence(run: Run, group: int, query: str, row: int, comparison: str = "cosine", k: int = 5) -> SentenceView:
    """Find one sentence's nearest neighbours, before and after.

    Parameters
    ----------
    group : int
        Set of evaluation rows.
    query : str
        Language of the sentence.
    row : int
        Its row in the group.
    comparison : str
        A name in `core.spaces.similarity.COMPARISONS`.
    """
    _, intervention = run.spaces()
    languages, by = run.plan.groups[group].languages, COMPARISONS[comparison]
    pre, post = (
        by.transformed(run.stages.embeddings(group, space_of, run.plan.layer)) for space_of in (None, intervention)
    )
    query_number = languages.index(query)

    def near(space: np.ndarray, number: int) -> Neighbours:
        return nearest(by.of_row(space[query_number], space[number], row), row, k)

    return SentenceView(
        {
            code: (near(pre, number), near(post, number))
            for number, code in enumerate(languages)
            if number != query_number
        }
    )
