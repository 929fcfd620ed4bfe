"""One vector from a sentence's tokens; means without a copy of what is averaged.

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


def largest(outputs: torch.Tensor, pooled: torch.Tensor) -> np.ndarray:
    """Take the largest output over tokens: ndarray of float32, (n, n_units).

    Parameters
    ----------
    outputs : tensor, (n, width, n_units)
    pooled : tensor of bool, (n, width)
        Which tokens take part.
    """
    result: np.ndarray = outputs.float().masked_fill(~pooled[..., None], -torch.inf).amax(1).cpu().numpy()
    return result


def sentence_vectors(states: torch.Tensor, pooled: torch.Tensor, pooling: str) -> np.ndarray:
    """Pool hidden states by a way of `core.models.sentence_pooling.SENTENCE_POOLINGS`: float32, (n, hidden).

    Parameters
    ----------
    states : tensor of float32, bfloat16 or float16, (n, width, hidden)
    pooled : tensor of bool, (n, width)
        Which tokens take part; of the first and the last token, among which they are looked for.

    Notes
    -----
    The formulas are those of sentence-transformers' ``Pooling``. In a weighted mean the n-th token of the whole
    sentence weighs n, whichever tokens take part.
    """
    if pooling == "max":
        return largest(states, pooled)
    taken = pooled.to(torch.float32)
    if pooling in ("cls", "last"):
        places = torch.arange(taken.shape[1], device=taken.device)
        place = pooled.int().argmax(1) if pooling == "cls" else torch.where(pooled, places, -1).argmax(1)
        weights = torch.nn.functional.one_hot(place, taken.shape[1]).to(torch.float32)
    elif pooling == "weighted-mean":
        weights = taken * torch.arange(1, taken.shape[1] + 1, dtype=torch.float32, device=taken.device)
        weights = weights / weights.sum(1, keepdim=True)
    else:
        count = taken.sum(1, keepdim=True)
        weights = taken / {"mean": count, "mean-sqrt-len": count.sqrt()}[pooling]
    return weighted_mean(states, weights)


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
