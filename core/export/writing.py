"""Writes a model with an intervention in its weights: a folder that transformers loads, or a patch beside the model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.errors import SettingError, StoreError
from core.export import forms, gguf_file, model_files, readme
from core.export.comparison import compare, embedded, some
from core.export.forms import FOLDER, Form
from core.export.outcome import GGUF, ExportedModel, WrittenWeights
from core.export.patches import PROVENANCE, is_on_hub, refuse_placement, write_patch, write_text
from core.language.codes import canonical
from core.models import pretrained, weight_patch
from core.models.architectures import Recipe
from core.models.hub import explained
from core.models.load import load, recipe_of, source
from core.models.loaded_model import LoadedModel
from core.models.placement import TORCH_DTYPES
from core.models.resolve import resolve
from core.models.spec import ModelSpec, ResolvedModel
from core.models.weight_patch import INCLUDED, UnitChange
from core.neurons.interventions import Intervention
from core.neurons.neuron_map import NeuronMap
from core.pipeline.run import Run
from core.store.disk import whole_folder
from core.store.store import Store


def check_folder(folder: Path) -> None:
    """Refuse a place where nothing may be written over; raises `SettingError`."""
    folder = folder.expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        kind = "there is something in that folder" if folder.is_dir() else "it is a file"
        raise SettingError(f"write a model into {folder}", kind, "Name a folder that is empty, or not there yet.")


def export(
    run: Run, folder: Path, *, include_model: bool = False, source: str | None = None, as_gguf: bool = False
) -> ExportedModel:
    """Write an experiment's model with its intervention in the weights.

    Parameters
    ----------
    folder : Path
        Not there yet, or empty. It is written whole or not at all.
    include_model : bool
        Put the unmodified model beside a patch even where the hub has it.
    source : str, optional
        For a method that goes by the language of a sentence: the language of all sentences that the model will see.
    as_gguf : bool
        Write a GGUF file too, for llama.cpp.

    Raises
    ------
    SettingError, ModelError
        Where the setting cannot be written into weights, or the folder is in use.
    """
    check_folder(folder)
    refuse_placement(run.plan.resolved)
    if as_gguf:
        check_gguf(run.plan.resolved)
    experts = run.experts()
    intervention = run.stages.intervention(experts)
    if source is not None:
        source = canonical(source)
        intervention = intervention.of(source)
    changes = forms.changes(intervention, run.plan.outline.neurons)  # refuses, before the model is loaded
    if as_gguf:
        gguf_file.check_changes(changes)
    target = folder.expanduser().absolute()
    model = run.model()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_folder(target) as temporary:
            written = write(
                temporary,
                model,
                run.models.store,
                intervention,
                run.plan.outline.neurons,
                some(run.plan.probe.texts),
                include_model=include_model,
                as_gguf=as_gguf,
                say=run.progress.stage,
            )
            write_text(temporary / PROVENANCE, readme.provenance(run.plan, intervention, written, source))
            write_text(temporary / "README.md", readme.text(run.plan, intervention, written, source))
    except OSError as error:
        raise StoreError(
            f"write a model into {folder}", error.strerror or str(error), "Make room, or name another folder."
        ) from error
    return ExportedModel(target, len(intervention.neurons), written)


def write(
    folder: Path,
    model: LoadedModel,
    store: Store,
    intervention: Intervention,
    neurons: NeuronMap,
    texts: Mapping[str, tuple[str, ...]],
    *,
    include_model: bool = False,
    as_gguf: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> WrittenWeights:
    """Write a model with an intervention in its weights into an empty folder, load it again and compare it.

    Parameters
    ----------
    neurons : NeuronMap
        What the intervention's indices count through.
    texts : mapping of str to tuple of str
        Sentences by language, for the comparison.
    say : callable
        Called with what is being done.
    """
    resolved = model.resolved
    changes = forms.changes(intervention, neurons)
    location, where, recipe = source(resolved, store)
    form = forms.form_of(resolved.name, recipe, changes)
    say("embedding probe sentences with the hooks")
    hooked = embedded(model, texts, intervention, neurons)
    say("writing the model")
    if form.name == FOLDER:
        made_by, patched = _write_folder(folder, form, changes, model, location, where, recipe), ""
    else:
        included = include_model or not is_on_hub(resolved) or bool(recipe.extra)
        if included:
            whole, _ = _whole(resolved, recipe, location, where)
            _write_model(whole, model, location, folder / INCLUDED)
        patched = f"`{INCLUDED}/`, the unmodified model" if included else f"`{location}`, from the hub"
        made_by = write_patch(folder, changes, recipe, resolved, "" if included else location)
    say("comparing what was written with the hooks")
    again = load(resolve(ModelSpec(str(folder), None, resolved.dtype, resolved.device)), store)
    difference = compare(hooked, embedded(again, texts))
    del again
    packed = None
    if as_gguf:
        say("writing the GGUF file and comparing it with the hooks")
        file = folder / GGUF
        gguf_file.write(Path(resolved.location), file, changes)
        # Unpacked for this alone, and not for the cache, which would hold it for ever.
        with tempfile.TemporaryDirectory(dir=folder) as unpacked:
            again = load(resolve(ModelSpec(str(file), None, resolved.dtype, resolved.device)), Store(unpacked))
            packed = compare(hooked, embedded(again, texts))
            del again
    return WrittenWeights(form, difference, made_by, patched, model_files.licence(resolved, location), packed)


def check_gguf(resolved: ResolvedModel) -> None:
    """Refuse models of which no GGUF file can be made; raises `ModelError`."""
    gguf_file.check(resolved, recipe_of(resolved).config.model_type)


def _write_folder(
    folder: Path,
    form: Form,
    changes: list[UnitChange],
    model: LoadedModel,
    location: str,
    where: dict[str, Any],
    recipe: Recipe,
) -> str:
    """Write a model of its own with the changes in its weights; the name of its class."""
    whole, base = _whole(model.resolved, forms.switched(recipe, form.switches), location, where)
    weight_patch.apply(base, changes)
    _write_model(whole, model, location, folder)
    return type(whole).__name__


def _write_model(whole: Any, model: LoadedModel, location: str, folder: Path) -> None:
    pretrained.write_model(whole, folder)
    model_files.copy_beside(model, location, folder)


def _whole(resolved: ResolvedModel, recipe: Recipe, location: str, where: dict[str, Any]) -> tuple[Any, Any]:
    """Read all of a model, and give its base too; biases that the files lack, since a switch added them, are 0."""
    recipe = forms.complete(recipe)
    with explained(resolved.name):
        whole, report = pretrained.read_model(
            recipe.auto,
            resolved.name,
            location,
            config=recipe.config,
            dtype=TORCH_DTYPES[resolved.dtype],
            output_loading_info=True,
            **where,
            **recipe.extra,
        )
    whole.eval().requires_grad_(False)
    base = whole.get_encoder() if recipe.part == "encoder" else whole.base_model
    parameters = dict(whole.named_parameters(remove_duplicate=False))
    missing = {key: parameters[key] for key in report["missing_keys"] if key in parameters}
    for key, parameter in missing.items():
        if key.endswith(".bias"):
            parameter.zero_()
    if getattr(base, "pooler", None) is not None and any("pooler." in key for key in missing):
        base.pooler = None  # the files have none, and it was made up
    inside = {id(parameter) for parameter in base.parameters()}
    made_up = [parameter for key, parameter in missing.items() if not key.endswith(".bias")]
    if recipe.part != "encoder" and any(id(parameter) not in inside for parameter in made_up):
        whole = base  # so is the head
    return whole, base
