"""Patches: which units are scaled and shifted, apart from the model that they belong to."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from core.errors import ModelError
from core.export import forms, model_files, readme
from core.export.outcome import WrittenWeights
from core.models import pretrained, weight_patch
from core.models.architectures import Recipe
from core.models.load import recipe_of
from core.models.placement import PACKED, SHARDED
from core.models.spec import ResolvedModel
from core.models.weight_patch import SETTINGS, VALUES, UnitChange
from core.neurons.interventions import Intervention
from core.pipeline.run import Run

PROVENANCE = "provenance.json"
"""The file of an exported folder that says what it was made of."""


def refuse_placement(resolved: ResolvedModel) -> None:
    """Refuse models whose weights cannot be written as they are; raises `ModelError`."""
    if resolved.dtype in PACKED or resolved.device == SHARDED:
        raise ModelError(
            f"write {resolved.name} with --dtype {resolved.dtype} --device {resolved.device}",
            "its weights are packed, or spread over devices",
            "Use --dtype bfloat16 or float32 on one device.",
        )
    if resolved.adapter:
        raise ModelError(
            f"write {resolved.name} with an adapter",
            "what is written starts from the model's own files, which the adapter is not in",
            "Merge it into the model first (peft's merge_and_unload), and name that folder.",
        )
    if resolved.patch:
        raise ModelError(
            f"write {resolved.name} once more", "it is a patch itself", "Start from the model that it belongs to."
        )


def write_patch(folder: Path, changes: list[UnitChange], recipe: Recipe, resolved: ResolvedModel, hub_id: str) -> str:
    """Write a patch and its loader into a folder.

    Parameters
    ----------
    recipe : Recipe
        Of the model that it belongs to.
    hub_id : str
        Of that model; empty where the hub does not have it.

    Returns
    -------
    str
        The class of transformers that the loader makes.
    """
    made_of = forms.complete(recipe)
    with torch.device("meta"):
        whole = pretrained.make_model(made_of.auto, made_of.config)
    base = whole.get_encoder() if made_of.part == "encoder" else whole.base_model
    stated = {
        "model": hub_id or None,
        "revision": resolved.revision if hub_id else None,
        "class": type(whole).__name__,
        "base": next(path for path, module in whole.named_modules() if module is base),
        "dtype": resolved.dtype,
    }
    write_text(folder / SETTINGS, json.dumps(stated, indent=1))
    save_file(weight_patch.tensors_of(changes), folder / VALUES)
    shutil.copyfile(weight_patch.__file__, folder / "loader.py")
    return type(whole).__name__


def zipped(run: Run, source: str | None = None) -> bytes:
    """Give an experiment's patch as a ZIP file, without the model: it needs no pass, and can be made of any setting.

    Parameters
    ----------
    source : str, optional
        The language of all sentences, for a method that goes by it.

    Raises
    ------
    SettingError, ModelError
        Where the setting cannot be written into weights.
    """
    plan = run.plan
    intervention, changes = _changes(run, source)
    recipe = recipe_of(plan.resolved)
    forms.form_of(plan.resolved.name, recipe, changes)  # refuses what is no linear map
    hub_id = plan.resolved.location if is_on_hub(plan.resolved) and not recipe.extra else ""
    base = f"`{hub_id}`, from the hub" if hub_id else "the unmodified model, whose folder `load(model=...)` is told"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made_by = write_patch(folder, changes, recipe, plan.resolved, hub_id)
        written = WrittenWeights(
            forms.Form(forms.PATCH), None, made_by, base, model_files.licence(plan.resolved, plan.resolved.location)
        )
        write_text(folder / PROVENANCE, readme.provenance(plan, intervention, written, source))
        write_text(folder / "README.md", readme.text(plan, intervention, written, source))
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.iterdir()):
                archive.write(path, path.name)
    return packed.getvalue()


def form(run: Run, source: str | None = None) -> forms.Form:
    """The form in which an experiment's setting can be written into weights; errors are those of `zipped`."""
    resolved = run.plan.resolved
    return forms.form_of(resolved.name, recipe_of(resolved), _changes(run, source)[1])


def sources(run: Run) -> tuple[str, ...]:
    """The languages that an experiment's intervention distinguishes: one is named to write it into weights."""
    return tuple(run.stages.intervention(run.experts()).sources)


def _changes(run: Run, source: str | None) -> tuple[Intervention, list[UnitChange]]:
    refuse_placement(run.plan.resolved)
    intervention = run.stages.intervention(run.experts())
    intervention = intervention if source is None else intervention.of(source)
    return intervention, forms.changes(intervention, run.plan.outline.neurons)


def is_on_hub(resolved: ResolvedModel) -> bool:
    """Whether a model came from the hub, which has it under its location and revision."""
    return bool(resolved.location) and resolved.revision != "local"


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8 with one line end at its end."""
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8", errors="backslashreplace")
