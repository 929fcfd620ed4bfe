"""How much memory a model's weights take, and whether this machine has it."""

from __future__ import annotations

import psutil
import torch
from torch import nn

from core.errors import ModelError
from core.models.architectures import BuiltModel
from core.models.placement import PACKED, SHARDED, TORCH_DTYPES


def weight_bytes(made: BuiltModel, dtype: str) -> float:
    """Memory that a model's weights take while it is loaded, from its skeleton."""
    width = TORCH_DTYPES[dtype].itemsize
    total = sum(p.numel() for p in made.whole.parameters())
    if dtype not in PACKED:
        return float(total * width)
    from transformers.pytorch_utils import Conv1D

    # Embeddings, the head, norms and stacked experts stay as they are.
    packed = {id(m.weight): m.weight.numel() for m in made.base.modules() if isinstance(m, (nn.Linear, Conv1D))}
    count: int = sum(packed.values())
    return float(count * PACKED[dtype] + (total - count) * width)


def check_memory(name: str, made: BuiltModel, *, dtype: str, device: str) -> None:
    """Refuse a model that would push the machine into swap, before anything is downloaded.

    Raises
    ------
    ModelError
        Says what it needs and what there is.
    """
    # Activations of a batch and the pooled responses of one language come on top of the weights.
    needed = weight_bytes(made, dtype) * 1.1 + (1 << 30)
    free = _free(device)
    if needed > free:
        parameters = sum(p.numel() for p in made.whole.parameters())
        raise ModelError(
            f"load {name}",
            f"its {parameters / 1e9:.1f} billion parameters need about {needed / 2**30:.1f} GiB in "
            f"{dtype}, and {free / 2**30:.1f} GiB are free on {device}",
            "Use a smaller model, a narrower --dtype (bfloat16; int8 or int4 on CUDA), --device sharded where there "
            "are several devices, or a machine with more memory.",
        )


def _free(device: str) -> float:
    if device == SHARDED:
        gpus = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
        return float(sum(torch.cuda.mem_get_info(gpu)[0] for gpu in gpus) + psutil.virtual_memory().available)
    if device.startswith("cuda"):
        return float(torch.cuda.mem_get_info(device)[0])
    return float(psutil.virtual_memory().available)
