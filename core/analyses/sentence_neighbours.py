"""One sentence's nearest neighbours in every other language, before and after."""

from __future__ import annotations

from dataclasses import dataclass

from core.pipeline.run import Run
from core.spaces.neighbours import Neighbours, nearest
from core.spaces.similarity import centre

COMPARISONS = ("cosine", "centred")


@dataclass(frozen=True)
class SentenceView:
    """One sentence's neighbours in every other language of its group, in both spaces.

    Attributes
    ----------
    found : dict of code to (pre, post)
    """

    found: dict[str, tuple[Neighbours, Neighbours]]


def of_sentence(run: Run, group: int, query: str, row: int, comparison: str = "cosine", k: int = 5) -> SentenceView:
    """Look one sentence's neighbours up.

    Parameters
    ----------
    group : int
        Set of evaluation rows.
    query : str
        Language of the sentence.
    row : int
        Its row in the group.
    comparison : {"cosine", "centred"}
        Centred: each language's mean is subtracted first.
    """
    _, intervention = run.spaces()
    languages = run.plan.groups[group].languages
    spaces = [run.stages.embeddings(group, which, run.plan.layer) for which in (None, intervention)]
    if comparison == "centred":
        spaces = [centre(space) for space in spaces]
    at = languages.index(query)
    return SentenceView(
        {
            code: (
                nearest(spaces[0][at, row], spaces[0][number], row, k),
                nearest(spaces[1][at, row], spaces[1][number], row, k),
            )
            for number, code in enumerate(languages)
            if number != at
        }
    )
