"""What is written to which neurons, and with what strength.

Every intervention is affine in the neuron's own output, ``z' = scale * z + shift``, and each has a strength ``s`` whose
zero is the identity. Set-mean (the paper's): ``z' = (1 - s) * z + s * mu``.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from core.errors import SettingError


@dataclass(frozen=True, eq=False)
class Intervention:
    """An affine rewrite of some neurons, at every token of every sentence.

    Attributes
    ----------
    neurons : ndarray of int64, (k,)
        Global indices, all different.
    scale, shift : ndarray of float32, (k,)
        ``z' = scale * z + shift``.
    """

    neurons: np.ndarray
    scale: np.ndarray
    shift: np.ndarray

    def __post_init__(self) -> None:
        k = self.neurons.shape
        if len(k) != 1 or self.scale.shape != k or self.shift.shape != k:
            raise ValueError(f"one scale and one shift a neuron: {k}, {self.scale.shape}, {self.shift.shape}")
        if np.unique(self.neurons).size != self.neurons.size:
            raise ValueError("a neuron is named twice")
        if not (np.isfinite(self.scale).all() and np.isfinite(self.shift).all()):
            raise ValueError("scale and shift must be finite")

    @property
    def is_identity(self) -> bool:
        """Whether it changes nothing, so that the model can be left alone, bit for bit."""
        return bool((self.scale == 1).all() and (self.shift == 0).all())

    @property
    def digest(self) -> str:
        """SHA-256 of its content, hexadecimal."""
        sha = hashlib.sha256()
        for array, dtype in ((self.neurons, "<i8"), (self.scale, "<f4"), (self.shift, "<f4")):
            sha.update(np.ascontiguousarray(array, dtype=dtype).tobytes())
        return sha.hexdigest()


def set_value(neurons: np.ndarray, values: np.ndarray, strength: float) -> Intervention:
    """Pull neurons ``(k,)`` towards ``values`` ``(k,)``: ``z' = (1 - s) * z + s * value``.

    Parameters
    ----------
    strength : float
        0 leaves the model as it is, 1 holds the neurons at their values, above 1 extrapolates.

    Raises
    ------
    SettingError
        If the strength is not a finite number.

    References
    ----------
    Sundar et al., ACL 2025 (arXiv 2502.15639); Suau et al., 2022.
    """
    check_strength(strength)
    return Intervention(
        neurons=np.asarray(neurons, dtype=np.int64),
        scale=np.full(len(neurons), 1.0 - strength, dtype=np.float32),
        shift=np.asarray(values, dtype=np.float32) * np.float32(strength),
    )


def check_strength(strength: float) -> None:
    """Raise `SettingError` unless ``strength`` is a finite number, also in float32."""
    if not (math.isfinite(strength) and abs(strength) <= float(np.finfo(np.float32).max)):
        raise SettingError(
            f"strength {strength}",
            "it is not a finite number in single precision",
            "Use 0 for the unmodified model, 1 to hold the experts at their mean, above 1 to extrapolate.",
        )
