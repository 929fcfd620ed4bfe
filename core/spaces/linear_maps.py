"""Linear maps of embeddings, fitted on rows: whitening, removal of a subspace, ridge regression, Procrustes.

Decompositions are in double precision and deterministic. Where there are fewer rows than dimensions, they are made in
the space of the rows, and a map is kept as factors as narrow as that: what it costs is in ``docs/measures.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from core.stats.ridge import ridge_factors

SHRINKAGE = 0.01
"""How much of the largest variance whitening adds to every variance, so that it does not blow up noise."""

_TOWARDS_IDENTITY = 1e-9  # of the largest singular value: decides Procrustes where the rows leave it open


@dataclass(frozen=True)
class Scaling:
    """A symmetric linear map: the identity times ``rest``, and other factors along a few directions.

    Attributes
    ----------
    directions : ndarray of float32, (dim, k)
        Orthonormal columns.
    factors : ndarray of float32, (k,)
    rest : float
        Factor of everything orthogonal to the directions.
    """

    directions: np.ndarray
    factors: np.ndarray
    rest: float = 1.0

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Apply to rows (n, dim)."""
        along = (rows @ self.directions) * (self.factors - np.float32(self.rest))
        return np.asarray(np.float32(self.rest) * rows + along @ self.directions.T)


@dataclass(frozen=True)
class Product:
    """A linear map as a product of two narrow factors, or as one matrix where that takes less room.

    Attributes
    ----------
    first : ndarray of float32, (dim, r) or (dim, dim)
    second : ndarray of float32, (r, dim), optional
    added : bool
        Whether the rows themselves are added to the product.
    """

    first: np.ndarray
    second: np.ndarray | None = None
    added: bool = False

    @classmethod
    def of(cls, first: np.ndarray, second: np.ndarray, added: bool = False) -> Product:
        """Keep the factors, or their product where it is smaller."""
        dim, r = first.shape
        if 2 * r < dim:
            return cls(first.astype(np.float32), second.astype(np.float32), added)
        whole = first @ second
        if added:
            whole[np.diag_indices(dim)] += 1
        return cls(whole.astype(np.float32))

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Apply to rows (n, dim)."""
        mapped = rows @ self.first
        if self.second is not None:
            mapped = mapped @ self.second
        return np.asarray(rows + mapped if self.added else mapped)


def whitening(rows: np.ndarray) -> Scaling:
    """Fit the map that gives rows nearly the same variance in every direction.

    ``C = V diag(w) V'`` is the covariance of the rows, which are centred already; the map is
    ``V diag(sqrt(max(w) / (w + e max(w)))) V'`` with ``e`` = `SHRINKAGE`. Without the last ``V'`` (whitening by
    principal components) the result differs by a rotation, which no cosine sees.

    Parameters
    ----------
    rows : ndarray of float, (n, dim)
    """
    variances, directions = _principal(np.asarray(rows, dtype=np.float64))
    largest = float(variances.max(initial=0.0))
    if largest <= 0:
        return Scaling(np.zeros((rows.shape[1], 0), np.float32), np.zeros(0, np.float32))
    factors = 1 / np.sqrt(variances / largest + SHRINKAGE)
    return Scaling(directions.astype(np.float32), factors.astype(np.float32), 1 / np.sqrt(SHRINKAGE))


def subspace_removal(means: np.ndarray) -> Scaling:
    """Fit the map that takes away the directions along which the means of languages differ.

    Parameters
    ----------
    means : ndarray of float, (n_languages, dim)
        The first ``n_languages - 1`` right singular vectors of the means less their mean are taken away.

    References
    ----------
    Yang, Yang, Cer and Darve (2021). A simple and effective method to eliminate the self language bias in multilingual
    representations. EMNLP. (LSAR)
    """
    means = np.asarray(means, dtype=np.float64)
    _, values, directions = np.linalg.svd(means - means.mean(axis=0), full_matrices=False)
    kept = values[: len(means) - 1] > values.max(initial=0.0) * 1e-12
    basis = directions[: len(means) - 1][kept].T.astype(np.float32)
    return Scaling(basis, np.zeros(basis.shape[1], np.float32))


def ridge(rows: np.ndarray, target: np.ndarray) -> Product:
    """Fit the linear map of rows to their translations, penalised; the penalty by leave-one-out error.

    Parameters
    ----------
    rows, target : ndarray of float, (n, dim)
        Centred; row ``i`` of both is one meaning.

    Returns
    -------
    Product
        ``map(rows)`` is near ``target``.
    """
    return Product.of(*ridge_factors(rows, target))


def procrustes(rows: np.ndarray, target: np.ndarray) -> Product:
    """Fit the rotation (or reflection) that lays rows nearest to their translations.

    Parameters
    ----------
    rows, target : ndarray of float, (n, dim)
        Centred; row ``i`` of both is one meaning.

    Returns
    -------
    Product
        Orthogonal. Where fewer rows than dimensions leave it open, it turns as little as it can.

    References
    ----------
    Schönemann (1966). A generalized solution of the orthogonal Procrustes problem. Psychometrika 31.
    """
    rows, target = np.asarray(rows, dtype=np.float64), np.asarray(target, dtype=np.float64)
    dim = rows.shape[1]
    # All that the rows decide lies in the span of both sides; the rest stays where it is.
    few = 2 * len(rows) < dim
    basis = linalg.qr(np.concatenate([rows, target]).T, mode="economic")[0] if few else None
    cross = rows.T @ target if basis is None else (rows @ basis).T @ (target @ basis)
    scale = np.linalg.norm(cross)
    u, _, vt = linalg.svd(cross + (_TOWARDS_IDENTITY * scale or 1.0) * np.eye(len(cross)))
    if basis is None:
        return Product((u @ vt).astype(np.float32))
    return Product.of(basis @ (u @ vt - np.eye(len(cross))), basis.T, added=True)


def _principal(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variances (k,) along orthonormal directions (dim, k) of centred rows (n, dim); 0 in all other directions."""
    n, dim = rows.shape
    if dim <= n:
        variances, directions = linalg.eigh(rows.T @ rows / n, driver="evd")
        return np.maximum(variances, 0.0), directions
    variances, sides = linalg.eigh(rows @ rows.T / n, driver="evd")
    kept = variances > max(float(variances.max(initial=0.0)), 0.0) * 1e-10
    variances = variances[kept]
    return variances, (rows.T @ sides[:, kept]) / np.sqrt(n * variances)
