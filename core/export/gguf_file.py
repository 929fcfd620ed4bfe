"""An intervention in a GGUF file for llama.cpp: the file that a model came in, with its units scaled and shifted.

llama.cpp's loader takes biases of the MLP's maps in a few architectures (`core.export.architectures.KINDS`), and
nowhere else. Weights stay as they are packed: a row that is scaled to 0 is 0 in every packing; a map of which a row is
scaled to anything else is kept in 16 bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from core.errors import ModelError, SettingError
from core.export.architectures import KINDS
from core.models.gguf_file import is_gguf
from core.models.spec import ResolvedModel
from core.models.weight_patch import UnitChange

_MLP = {"gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down"}
_PATH = re.compile(r"layers\.(\d+)\.mlp\.(\w+)")
_KEPT = (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16)


def check(resolved: ResolvedModel, kind: str) -> None:
    """Refuse models of which no GGUF file can be made.

    Parameters
    ----------
    kind : str
        The ``model_type`` of the model's config.

    Raises
    ------
    ModelError
    """
    title, takes = KINDS.get(kind, (kind, False))
    request = f"write {resolved.name} as a GGUF file"
    if not takes:
        raise ModelError(
            request,
            f"llama.cpp has no place for biases of the MLP of {title}",
            "Leave --gguf out: a folder is written.",
        )
    if not is_gguf(resolved):
        raise ModelError(
            request,
            "it did not come as one",
            "Leave --gguf out, and give the folder that is written to llama.cpp's convert_hf_to_gguf.py.",
        )
    if kind not in ("llama",):
        raise ModelError(
            request,
            f"this is written for Llama alone, and not for {title}",
            "Leave --gguf out: a folder is written.",
        )


def check_changes(changes: Iterable[UnitChange]) -> None:
    """Refuse changes of other maps than the MLP's, which llama.cpp takes no biases of.

    Raises
    ------
    SettingError
    """
    for change in changes:
        if not _tensor(change.path):
            raise SettingError(
                "write this setting as a GGUF file",
                f"it changes {change.path}, and llama.cpp has a place for biases of the MLP alone",
                "Leave --gguf out: a folder is written. Or use neurons of the MLP: --neurons mlp.",
            )


def write(source: Path, target: Path, changes: Sequence[UnitChange]) -> None:
    """Copy a GGUF file with changes in its weights; its other tensors, its tokenizer and its metadata are the same.

    Every map of the MLP is given a bias, since transformers has them for all or for none.

    Raises
    ------
    ValueError
        If a map that is changed is no MLP's, or not in the file.
    """
    from core.models.gguf_conversion import ArrayReader  # with it come transformers' models

    reader = ArrayReader(source)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    weights, biases = _changed(tensors, changes)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents(), endianess=reader.endianess)
    writer.data_alignment = reader.alignment
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        if field.types == [gguf.GGUFValueType.ARRAY]:  # it is empty: nothing says of what, and the writer takes none
            continue
        sub_type = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=sub_type)
    for name, tensor in tensors.items():
        data, packing = weights.get(name, (tensor.data, tensor.tensor_type))
        if name not in biases:
            writer.add_tensor(name, np.asarray(data), raw_dtype=packing, tensor_endianess=reader.endianess)
    for name, bias in biases.items():
        writer.add_tensor(name, bias)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


Packed = tuple[np.ndarray, gguf.GGMLQuantizationType]


def _changed(
    tensors: Mapping[str, Any], changes: Sequence[UnitChange]
) -> tuple[dict[str, Packed], dict[str, np.ndarray]]:
    """The weights that change, by tensor, and the biases of all maps of the MLP, float32."""
    maps = [
        name.removesuffix(".weight") for name in tensors if re.fullmatch(r"blk\.\d+\.ffn_(gate|up|down)\.weight", name)
    ]
    biases = {f"{name}.bias": _bias(tensors, name) for name in maps}
    weights: dict[str, Packed] = {}
    for change in changes:
        name = _tensor(change.path)
        if f"{name}.weight" not in tensors:
            raise ValueError(f"{change.path} is no map of the file's MLP")
        units, scale, shift = (part.numpy() for part in (change.units, change.scale, change.shift))
        weights[f"{name}.weight"] = _scaled(tensors[f"{name}.weight"], units, scale)
        bias = biases[f"{name}.bias"]
        bias[units] = bias[units] * scale + shift
    return weights, biases


def _tensor(path: str) -> str:
    """What a GGUF file calls a map of the MLP; empty of any other map."""
    found = _PATH.fullmatch(path)
    return f"blk.{found[1]}.{_MLP[found[2]]}" if found and found[2] in _MLP else ""


def _bias(tensors: Mapping[str, Any], name: str) -> np.ndarray:
    """A map's bias; zeros where it has none."""
    if f"{name}.bias" in tensors:
        tensor = tensors[f"{name}.bias"]
        return np.array(gguf.dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
    return np.zeros(len(tensors[f"{name}.weight"].data), dtype=np.float32)


def _scaled(tensor: Any, units: np.ndarray, scale: np.ndarray) -> Packed:
    """A map's rows scaled: as it is packed where they become 0 or stay, else in 16 bits or more."""
    if np.isin(scale, (0.0, 1.0)).all():
        data = np.array(tensor.data)
        data[units[scale == 0]] = 0
        return data, tensor.tensor_type
    rows = np.array(gguf.dequantize(tensor.data, tensor.tensor_type))
    rows[units] *= scale[:, None]
    kept = tensor.tensor_type if tensor.tensor_type in _KEPT else gguf.GGMLQuantizationType.F16
    return rows.astype(np.float32 if kept == gguf.GGMLQuantizationType.F32 else np.float16), kept
