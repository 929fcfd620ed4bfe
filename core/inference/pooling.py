"""Means over a sentence's tokens, without a copy of what is averaged.

A pass pools the outputs of every site and layer; turning each into single precision first would write and read three
times what the model itself wrote. On a processor one compiled loop reads the model's own 16 bits once.
"""

from __future__ import annotations

import numba
import numpy as np
import torch


def weighted_mean(outputs: torch.Tensor, weights: torch.Tensor) -> np.ndarray:
    """Sum over tokens of weight times output, in single precision.

    Parameters
    ----------
    outputs : tensor of float32, bfloat16 or float16, (n, width, n_units)
    weights : tensor of float32, (n, width)
        0 where a token does not count, whatever its output.

    Returns
    -------
    ndarray of float32, (n, n_units)
    """
    if outputs.device.type == "cpu" and outputs.dtype in (torch.bfloat16, torch.float32):
        outputs = outputs.contiguous()
        pooled = np.zeros((outputs.shape[0], outputs.shape[2]), dtype=np.float32)
        if outputs.dtype == torch.bfloat16:
            _sum_bfloat16(outputs.view(torch.int16).numpy().view(np.uint16), weights.numpy(), pooled)
        else:
            _sum_float32(outputs.numpy(), weights.numpy(), pooled)
        return pooled
    counted = torch.where(weights[..., None] > 0, outputs.float(), 0.0)
    result: np.ndarray = torch.einsum("bt,btw->bw", weights, counted).cpu().numpy()
    return result


@numba.njit(nogil=True, cache=True)
def _sum_bfloat16(bits: np.ndarray, weights: np.ndarray, sums: np.ndarray) -> None:
    """A bfloat16 is the upper half of a float32."""
    wide = np.empty(bits.shape[2], np.uint32)
    values = wide.view(np.float32)
    for i in range(bits.shape[0]):
        row = sums[i]
        for j in range(bits.shape[1]):
            weight = weights[i, j]
            if weight != 0:
                token = bits[i, j]
                for m in range(len(token)):
                    wide[m] = np.uint32(token[m]) << np.uint32(16)
                for m in range(len(token)):
                    row[m] += weight * values[m]


@numba.njit(nogil=True, cache=True)
def _sum_float32(outputs: np.ndarray, weights: np.ndarray, sums: np.ndarray) -> None:
    for i in range(outputs.shape[0]):
        row = sums[i]
        for j in range(outputs.shape[1]):
            weight = weights[i, j]
            if weight != 0:
                token = outputs[i, j]
                for m in range(len(token)):
                    row[m] += weight * token[m]
