"""Loads a model and writes an intervention into its weights, with torch, safetensors and transformers alone.

A copy of this file lies in every exported patch, where it is used without the program that wrote the patch::

    from loader import load

    model, tokenizer = load()

A patch is a folder with two files: ``patch.json`` says which model it belongs to, ``patch.safetensors`` what becomes of
its neurons. The output ``z`` of unit ``m`` of a linear map becomes ``scale[m] * z + shift[m]`` where the weights and
the bias of that unit are scaled and the shift is added to the bias: a map without a bias is given one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

SETTINGS, VALUES, INCLUDED = "patch.json", "patch.safetensors", "model"
"""The files of a patch, and the folder of the unmodified model where that is included."""


@dataclass(frozen=True, eq=False)
class UnitChange:
    """What becomes of some output units of one linear map.

    Attributes
    ----------
    path : str
        Of the map, from the base model: ``layers.3.mlp.gate_proj``.
    units : tensor of int64, (k,)
        All different.
    scale, shift : tensor of float32, (k,)
        The output ``z`` becomes ``scale * z + shift``.
    """

    path: str
    units: torch.Tensor
    scale: torch.Tensor
    shift: torch.Tensor


def load(folder: str | Path | None = None, *, model: str | Path | None = None, **settings: Any) -> tuple[Any, Any]:
    """Load the model that a patch belongs to, with the patch written into its weights.

    Parameters
    ----------
    folder : path, optional
        Of the patch; the folder of this file unless given.
    model : str or path, optional
        Folder or hub id of the unmodified model, for a patch that does not know where it is.
    **settings
        For transformers' ``from_pretrained``, such as ``device_map``; the precision is the patch's unless given.

    Returns
    -------
    model, tokenizer
    """
    import transformers

    folder = Path(__file__).parent if folder is None else Path(folder)
    stated = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    if (folder / INCLUDED).is_dir():
        model = folder / INCLUDED
    where = {} if model else {"revision": stated["revision"]}
    source = str(model or stated["model"] or "")
    if not source:
        raise ValueError("the model is neither in this folder nor on the hub: say where it is, load(model=...)")
    settings = {"dtype": getattr(torch, stated["dtype"]), "use_safetensors": True, **where, **settings}
    changed = getattr(transformers, stated["class"]).from_pretrained(source, **settings)
    apply(changed.get_submodule(stated["base"]), read(folder))
    return changed.eval(), transformers.AutoTokenizer.from_pretrained(source, **where)


def read(folder: str | Path) -> list[UnitChange]:
    """Read what a patch changes, map by map."""
    tensors = load_file(str(Path(folder) / VALUES))
    paths = sorted(name.removesuffix(".units") for name in tensors if name.endswith(".units"))
    return [UnitChange(path, *(tensors[f"{path}.{part}"] for part in ("units", "scale", "shift"))) for path in paths]


def tensors_of(changes: list[UnitChange]) -> dict[str, torch.Tensor]:
    """Give changes as `read` reads them, by name."""
    return {
        f"{change.path}.{part}": getattr(change, part) for change in changes for part in ("units", "scale", "shift")
    }


def apply(base: nn.Module, changes: list[UnitChange]) -> None:
    """Write changes into the weights of a base model, in place.

    Raises
    ------
    ValueError
        If the base model has no such linear map, or the map no such units.
    """
    for change in changes:
        module = base.get_submodule(change.path)
        weight = unit_rows(module)
        n_units = 0 if weight is None else len(weight)
        if weight is None or int(change.units.max()) >= n_units or int(change.units.min()) < 0:
            raise ValueError(f"{change.path} is no linear map with the units that the patch changes")
        units, scale = change.units.to(weight.device), change.scale.to(weight.device)
        with torch.no_grad():
            weight[units] = (weight[units].float() * scale[:, None]).to(weight.dtype)
            bias = getattr(module, "bias", None)
            if bias is None and bool((change.shift != 0).any()):
                bias = module.bias = nn.Parameter(weight.new_zeros(n_units), requires_grad=False)
            if bias is not None:
                bias[units] = (bias[units].float() * scale + change.shift.to(bias.device)).to(bias.dtype)


def unit_rows(module: nn.Module) -> torch.Tensor | None:
    """Give a linear map's weights, one row an output unit, as a view; None for what is no map of plain weights."""
    weight = getattr(module, "weight", None)
    if not isinstance(weight, torch.Tensor) or weight.dim() != 2 or not weight.is_floating_point():
        return None
    if isinstance(module, nn.Linear):
        return weight.data
    return weight.data.T if hasattr(module, "nf") else None  # GPT-2's Conv1D: (inputs, outputs)
