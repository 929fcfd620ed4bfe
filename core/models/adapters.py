"""Adapters (LoRA and similar ones): weights of their own, put onto a model's before it runs.

An adapter is merged into the weights, so that the modules, and with them the neurons, stay where they were.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import warnings
from pathlib import Path
from typing import Any

from core.errors import ModelError

log = logging.getLogger(__name__)

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_INSTALL = "Run: pip install peft, or in the checkout: pip install '.[adapters]'."


def check_adapter(adapter: str) -> Path:
    """Find an adapter's folder.

    Raises
    ------
    ModelError
        If it is no folder with an adapter that can be merged, or peft is not installed.
    """
    asked, folder = f"put the adapter {adapter} onto the model", Path(adapter).expanduser()
    if not folder.is_dir():
        raise ModelError(
            asked,
            "there is no such folder, and adapters are read from folders alone",
            "Download it first (hf download OWNER/NAME --local-dir DIR), and give --adapter DIR.",
        )
    for file in (CONFIG, WEIGHTS):
        if not (folder / file).is_file():
            raise ModelError(
                asked,
                f"the folder holds no {file}",
                "Give a folder that peft's save_pretrained wrote; pickled weights are not loaded.",
            )
    try:
        stated = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        kind = str(stated["peft_type"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(asked, f"its {CONFIG} names no kind of adapter", "Save it again with peft.") from error
    if kind in ("PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "MULTITASK_PROMPT_TUNING", "CPT", "ADAPTION_PROMPT"):
        raise ModelError(
            asked, f"it is of the kind {kind}, which changes no weights and cannot be merged", "Use LoRA or its kin."
        )
    if importlib.util.find_spec("peft") is None:
        raise ModelError(asked, "that needs the package peft, which is not installed", _INSTALL)
    return folder.resolve()


def base_of(folder: Path) -> str:
    """What an adapter's config calls the model it was trained on; empty if it does not say."""
    try:
        return str(json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("base_model_name_or_path") or "")
    except (OSError, ValueError, AttributeError):
        return ""


def merged(name: str, model: Any, folder: Path) -> Any:
    """Merge an adapter into a model's weights; the model that is given is changed.

    Raises
    ------
    ModelError
        If the adapter is of another model.
    """
    import peft
    from safetensors.torch import load_file

    config = peft.PeftConfig.from_peft_type(**json.loads((folder / CONFIG).read_text(encoding="utf-8")))
    config.inference_mode = True
    with warnings.catch_warnings(record=True) as remarks:  # that the model has another path than in training, above all
        wrapped = peft.get_peft_model(model, config)
    log.info("peft: %s", [str(remark.message) for remark in remarks])
    weights = load_file(folder / WEIGHTS)
    inner = f"base_model.model.{model.base_model_prefix}."
    if type(model) is type(model.base_model) and all(key.startswith(inner) for key in weights):
        # It was trained on a model with a head, whose name for the part that is used is left out here.
        weights = {f"base_model.model.{key.removeprefix(inner)}": tensor for key, tensor in weights.items()}
    report: Any = peft.set_peft_model_state_dict(wrapped, weights)
    lacking = [key for key in report.missing_keys if ".default" in key or "modules_to_save" in key]
    if strange := [*report.unexpected_keys, *lacking]:
        raise ModelError(
            f"put the adapter in {folder} onto {name}",
            f"{len(strange):,} of its weights do not fit the model ({strange[0]}, ...)",
            f"Use the model it was trained on{f': {base}' if (base := base_of(folder)) else ''}.",
        )
    return wrapped.merge_and_unload(safe_merge=True)
