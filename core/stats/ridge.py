"""Penalised least squares from rows to their fellows, as a product of two narrow factors."""

from __future__ import annotations

import numpy as np

_PENALTIES = np.logspace(-5, 1, 13)  # as multiples of the largest squared singular value of the rows


def ridge_factors(rows: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit the linear map of rows to their fellows; the penalty is the one with the least leave-one-out error.

    Parameters
    ----------
    rows : ndarray of float, (n, dim)
    target : ndarray of float, (n, dim_target)
        Both centred; row ``i`` of the one belongs to row ``i`` of the other.

    Returns
    -------
    ndarray of float64, (dim, r) and (r, dim_target)
        ``rows @ first @ second`` is near ``target``; ``r`` is the smaller of ``n`` and ``dim``, 0 where all rows are 0.
    """
    from scipy import linalg  # loaded only where a map is fitted: the table of methods must be read fast

    rows, target = np.asarray(rows, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if len(rows) < rows.shape[1]:
        # Many times as fast as the decomposition of the rows themselves; what squaring them loses is far below the
        # least penalty.
        squares, left = linalg.eigh(rows @ rows.T, driver="evd")
        squares = np.maximum(squares, 0.0)
    else:
        left, values, _ = linalg.svd(rows, full_matrices=False)
        squares = values**2
    projected = left.T @ target
    largest = float(squares.max(initial=0.0))
    if largest <= 0:
        return np.zeros((rows.shape[1], 0)), np.zeros((0, target.shape[1]))

    def left_out_error(penalty: float) -> float:
        shrunk = squares / (squares + penalty)
        # the mean, which is fitted too, is one more degree of freedom
        leverage = (left**2) @ shrunk + 1 / len(rows)
        residual = (target - left @ (shrunk[:, None] * projected)) / np.maximum(1 - leverage, 1e-12)[:, None]
        return float((residual**2).sum())

    penalty = min(_PENALTIES * largest, key=left_out_error)
    return rows.T @ left, projected / (squares + penalty)[:, None]
