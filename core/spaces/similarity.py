"""Ways of comparing the sentences of two languages: cosine, mean-centred cosine, CSLS.

`COMPARISONS` lists them all. A way of comparing is a transformation of embeddings, fitted on some rows and applied to
others; then the cosine; then, for some, an adjustment of the table of similarities. To add a way, add it here: all code
that compares sentences or lists the ways reads the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

CSLS_NEIGHBOURS = 10

Transformation = Callable[[np.ndarray], np.ndarray]
"""From a space, (n_languages, n_sentences, dim), to one of the same languages and sentences."""

Fit = Callable[[np.ndarray], Transformation]
"""From the rows to fit on, (n_languages, n_rows, dim), to the transformation of other rows of the same languages."""


def csls(similarity: np.ndarray, k: int = CSLS_NEIGHBOURS) -> np.ndarray:
    """Cross-domain similarity local scaling: ``2 s(q, c) - r(q) - r(c)``, float32 of the same shape.

    ``r(q)`` is the mean similarity of query ``q`` to its ``k`` nearest candidates, ``r(c)`` that of candidate ``c`` to
    its ``k`` nearest queries. So a sentence that is near to all others (a hub) counts as less near.

    References
    ----------
    Conneau, Lample, Ranzato, Denoyer and Jégou (2018). Word translation without parallel data. ICLR.
    """
    table = torch.from_numpy(np.ascontiguousarray(similarity))
    k = min(k, *table.shape)
    of_queries = table.topk(k, dim=1).values.mean(dim=1)
    of_candidates = table.topk(k, dim=0).values.mean(dim=0)
    return np.asarray(csls_of(table, of_queries, of_candidates).numpy())


def csls_of(table: torch.Tensor, of_queries: torch.Tensor, of_candidates: torch.Tensor) -> torch.Tensor:
    """Compute CSLS where the mean similarities to the nearest, (n_queries,) and (n_candidates,), are known."""
    return 2 * table - of_queries[:, None] - of_candidates


def normalise(embeddings: np.ndarray) -> np.ndarray:
    """Scale vectors to unit length: (..., dim) float32 to float32; a zero vector stays zero."""
    norms = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    return np.asarray(embeddings / np.maximum(norms, np.finfo(np.float32).tiny), dtype=np.float32)


def as_they_are(_: np.ndarray) -> Transformation:
    """Fit nothing: the embeddings stay as they are."""
    return lambda space: space


def centring(rows: np.ndarray) -> Transformation:
    """Fit each language's mean embedding, to be subtracted.

    The free baseline: most of what separates languages is a constant offset, which needs no intervention to remove.
    """
    means = rows.mean(axis=1, keepdims=True)
    return lambda space: np.asarray(space - means)


def centre(embeddings: np.ndarray) -> np.ndarray:
    """Subtract each language's mean embedding: (n_languages, n_sentences, dim) to the same."""
    return centring(embeddings)(embeddings)


@dataclass(frozen=True)
class Comparison:
    """One way of comparing the sentences of two languages.

    Attributes
    ----------
    name : str
        In links, tables and files.
    title : str
        For lists to choose from, and after "compared by".
    noun : str
        What doing it is called.
    about : str
        What is done, in plain words: half a sentence.
    needs : str
        What it needs to be applied, in plain words, after "needs".
    fit : callable
        From rows to fit on to a transformation of embeddings.
    adjust : callable, optional
        From the cosines of queries and candidates, (n_queries, n_candidates), to what is compared instead. Queries and
        candidates must be treated alike: the adjusted table of the transpose is the transpose of the adjusted table.
    zero_means : bool
        Every language's mean is zero after the transformation, so that the distance of a mean says nothing.
    """

    name: str
    title: str
    noun: str
    about: str
    needs: str
    fit: Fit = as_they_are
    adjust: Callable[[np.ndarray], np.ndarray] | None = None
    zero_means: bool = False

    @property
    def is_distance(self) -> bool:
        """Whether 1 minus the similarity is a distance of two sentences, whatever the others are."""
        return self.adjust is None

    def transformed(self, space: np.ndarray, fitted_on: np.ndarray | None = None) -> np.ndarray:
        """Transform a space; the transformation is fitted on the space itself, or on other rows if given.

        Parameters
        ----------
        space : ndarray of float32, (n_languages, n_sentences, dim)
        fitted_on : ndarray of float32, (n_languages, n_rows, dim), optional
            Rows of the same languages.
        """
        return self.fit(space if fitted_on is None else fitted_on)(space)

    def adjusted(self, similarity: np.ndarray) -> np.ndarray:
        """Adjust the cosines of transformed queries and candidates: (n_queries, n_candidates) to the same."""
        return similarity if self.adjust is None else self.adjust(similarity)

    def of_row(self, queries: np.ndarray, candidates: np.ndarray, row: int) -> np.ndarray:
        """Compare one query with all candidates: float32, (n_candidates,).

        Parameters
        ----------
        queries : ndarray of float32, (n_queries, dim)
            Transformed, as are the candidates. All of them, since an adjustment looks at a candidate's other queries.
        candidates : ndarray of float32, (n_candidates, dim)
        row : int
            Of the query.
        """
        unit = normalise(candidates)
        if self.adjust is None:
            return np.asarray(unit @ normalise(queries[row]), dtype=np.float32)
        return np.asarray(self.adjust(normalise(queries) @ unit.T)[row], dtype=np.float32)


COSINE = Comparison("cosine", "cosine", "cosine", "similarity as it is", "nothing")
CENTRED = Comparison(
    "centred",
    "mean-centred",
    "mean-centring",
    "each language's mean embedding is subtracted first",
    "the language of every sentence, and enough of them for a mean",
    centring,
    zero_means=True,
)
CSLS = Comparison(
    "csls",
    "CSLS",
    "CSLS",
    "cosine, corrected for sentences that are near to everything (Conneau et al. 2018)",
    "all sentences of both languages at once",
    adjust=csls,
)

COMPARISONS = {comparison.name: comparison for comparison in (COSINE, CENTRED, CSLS)}
"""Every way of comparing, by name; the first is the plain one, with which the others are compared."""


def by_fit(comparisons: Iterable[Comparison]) -> list[tuple[Fit, list[Comparison]]]:
    """Group ways of comparing by their transformation, so that each is applied once."""
    groups: dict[Fit, list[Comparison]] = {}
    for comparison in comparisons:
        groups.setdefault(comparison.fit, []).append(comparison)
    return list(groups.items())


def explained() -> str:
    """Every way of comparing and what it needs, a sentence each."""
    return " ".join(
        f"{by.title[0].upper()}{by.title[1:]}: {by.about}; needs {by.needs}." for by in COMPARISONS.values()
    )
