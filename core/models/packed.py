"""Checkpoints whose weights are packed (GPTQ, AWQ, bitsandbytes, ...): what reading them needs."""

from __future__ import annotations

import importlib.util
from typing import Any

from core.errors import ModelError
from core.models import pretrained
from core.stats.units import listed

_PACKAGES = {
    "gptq": ("gptqmodel", "optimum"),
    "awq": ("gptqmodel",),
    "bitsandbytes": ("bitsandbytes",),
    "compressed-tensors": ("compressed_tensors",),
    "auto-round": ("auto_round",),
    "aqlm": ("aqlm",),
    "hqq": ("hqq",),
    "quanto": ("optimum.quanto",),
    "torchao": ("torchao",),
    "eetq": ("kernels",),
    "mxfp4": ("kernels",),
    "vptq": ("vptq",),
    "spqr": ("spqr_quant",),
}
"""By a config's ``quant_method``: the modules that transformers reads such weights with."""


def check_packed(name: str, config: Any) -> None:
    """Refuse packed weights that this machine cannot read, before anything is downloaded.

    Raises
    ------
    ModelError
        Names the packages to install, or says what the method needs.
    """
    stated = getattr(config, "quantization_config", None)
    if stated is None:
        return
    given = stated if isinstance(stated, dict) else stated.to_dict()
    old = "bitsandbytes" if {"load_in_4bit", "load_in_8bit"} & given.keys() else "in no stated way"
    method = str(getattr(given.get("quant_method"), "value", given.get("quant_method") or old))
    if method == "gguf":
        return
    asked = f"load {name}, whose weights are packed ({method})"
    instead = "Or use the model's unpacked weights."
    lacking = [package for package in _PACKAGES.get(method, ()) if not _installed(package)]
    if lacking:
        verb = "is" if len(lacking) == 1 else "are"
        packages = " ".join(package.replace(".", "-").replace("_", "-") for package in lacking)
        raise ModelError(
            asked,
            f"reading them needs {listed(packages.split())}, which {verb} not installed",
            f"Run: pip install {packages}. {instead}",
        )
    try:
        pretrained.check_packed_weights(given)
    except Exception as error:  # what it lacks, in transformers' words
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise ModelError(asked, reason, f"Install what it names, or use a device that it runs on. {instead}") from error


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it is in
        return False
