"""On which device and in which precision a model runs."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch

from core.errors import ModelError
from core.models.spec import DTYPES

SHARDED = "sharded"


TORCH_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "int8": torch.bfloat16,
    "int4": torch.bfloat16,
}
"""By precision (`core.models.spec.DTYPES`): what activations are in."""


# Bytes a packed weight takes; four bits carry a scale of 32 bits for every 64.
PACKED = {"int8": 1.0, "int4": 0.5625}


def placement(device: str, dtype: str) -> dict[str, Any]:
    """Keyword arguments of ``from_pretrained`` for weights that are spread over devices or packed; else none."""
    arguments: dict[str, Any] = {}
    if device == SHARDED:
        arguments["device_map"] = "auto"
    if dtype in PACKED:
        from transformers import BitsAndBytesConfig

        arguments.setdefault("device_map", {"": device})
        arguments["quantization_config"] = BitsAndBytesConfig(
            load_in_8bit=dtype == "int8",
            load_in_4bit=dtype == "int4",
            bnb_4bit_compute_dtype=TORCH_DTYPES[dtype],
            bnb_4bit_quant_type="nf4",
        )
    return arguments


def check_device(asked: str) -> str:
    """The device that is meant by a name: whose numbers, not whether this machine can compute them (`check_here`).

    Raises
    ------
    ModelError
        If there is no such kind of device, or this machine has the kind and fewer of them.
    """
    available = _available()
    if asked == "auto":
        return next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    if asked == SHARDED:
        if importlib.util.find_spec("accelerate") is None:
            raise ModelError(
                f"device {SHARDED!r}",
                "spreading a model over devices needs the package accelerate, which is not installed",
                "Run: pip install -r requirements.txt, or name one device.",
            )
        return asked
    kind, colon, number = asked.partition(":")
    is_number = number.isascii() and number.isdigit()
    if kind not in available or (colon and not (is_number and (not available[kind] or int(number) < _count(kind)))):
        raise _no_device(asked)
    return asked


def check_here(device: str) -> None:
    """Refuse to load a model for a device that this machine has not.

    Raises
    ------
    ModelError
        Says what there is; results that another machine has computed on such a device open without it.
    """
    if device != SHARDED and not _available()[device.partition(":")[0]]:
        raise _no_device(device)


def _available() -> dict[str, bool]:
    return {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}


def _count(kind: str) -> int:
    return torch.cuda.device_count() if kind == "cuda" else 1


def _no_device(asked: str) -> ModelError:
    kind, colon, _ = asked.partition(":")
    available = _available()
    have = ", ".join(name for name, there in available.items() if there)
    each = f", {_count(kind)} of kind {kind}" if colon and available.get(kind) else ""
    instead = f"Use auto, {SHARDED}, or one that is there."
    if kind in available and not available[kind]:
        instead += " What a machine with it has computed opens here from a shared store (--shared) or its cache."
    return ModelError(f"device {asked!r}", f"this machine has {have}{each}", instead)


def check_dtype(asked: str, device: str) -> str:
    """The precision that is meant by a name.

    Raises
    ------
    ModelError
        If models do not run in it on such a device.
    """
    plain = [name for name in DTYPES if name not in PACKED]
    on_gpu = device.startswith("cuda") or (device == SHARDED and torch.cuda.is_available())
    if asked == "auto":
        if on_gpu:
            if not torch.cuda.is_available():  # another machine's: every CUDA device of these years computes it
                return "bfloat16"
            return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
        return "bfloat16" if device in ("cpu", SHARDED) and native_bfloat16() else "float32"
    if asked not in DTYPES:
        raise ModelError(f"dtype {asked!r}", "it is not one that models run in", f"Use auto, {', '.join(DTYPES)}.")
    if asked in PACKED and not on_gpu:
        raise ModelError(
            f"dtype {asked!r}", f"weights are packed for CUDA devices only, and not for {device}", _use_one_of(plain)
        )
    if asked in PACKED and torch.cuda.is_available() and importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            f"dtype {asked!r}",
            "packing weights needs the package bitsandbytes, which is not installed",
            f"Run: pip install bitsandbytes. {_use_one_of(plain)}",
        )
    return asked


def _use_one_of(names: list[str]) -> str:
    return f"Use auto, {', '.join(names)}."


def native_bfloat16() -> bool:
    """Whether this machine's processor multiplies bfloat16 matrices itself (AVX512-BF16 or AMX; ARM's BF16)."""
    processor = torch.cpu.get_capabilities()
    return torch.backends.mkldnn.is_available() and any(
        processor.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16")
    )
