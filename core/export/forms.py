"""In what form an intervention can be written into a model's weights, found from its modules before any is loaded.

A write of ``a z + b`` to output units of a linear map is the map itself with those units' weights scaled by ``a``, and
their bias ``a bias + b``. Where every map that is shifted has a bias, or the architecture gives it one by its config,
the result is a plain folder of ``save_pretrained``. Where the architecture's maps have none, it is a patch.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from core.errors import ModelError, SettingError
from core.models import architectures
from core.models.architectures import Recipe
from core.models.weight_patch import UnitChange, unit_rows
from core.neurons.interventions import TOKENS, Intervention
from core.neurons.neuron_map import NeuronMap, Site

# What configs call the choice of giving linear maps a bias. Which of them a config has, and which maps each is about,
# is seen from the modules that it makes.
_SWITCHES = ("mlp_bias", "attention_bias", "use_bias", "bias")

FOLDER, PATCH = "folder", "patch"


@dataclass(frozen=True)
class Form:
    """How an intervention is written into a model's weights.

    Attributes
    ----------
    name : {"folder", "patch"}
        A plain folder of ``save_pretrained``, or a patch beside the unmodified model.
    switches : tuple of str
        Entries of the config that are set to True, so that its maps have biases.
    """

    name: str
    switches: tuple[str, ...] = ()


def changes(intervention: Intervention, neurons: NeuronMap) -> list[UnitChange]:
    """Give an intervention map by map.

    Raises
    ------
    SettingError
        If it changes nothing, depends on the language of a sentence or on other units, is not written to every token,
        or is written to what is no linear map.
    """
    if intervention.sources:
        raise SettingError(
            "write this setting into the model's weights",
            "it changes every sentence by the language that it is in, which weights do not know",
            f"Name the one language of all sentences (--source {next(iter(intervention.sources))}), or use a method "
            "that is the same for every language.",
        )
    if intervention.is_identity:
        raise SettingError(
            "write this setting into the model's weights",
            "it changes nothing",
            "Take the model itself, or a strength other than 0.",
        )
    if not intervention.is_affine:
        raise SettingError(
            "write this setting into the model's weights",
            "a unit's change depends on other units, and a patch scales and shifts each by itself",
            "Use another method, such as diff-mean or set-mean.",
        )
    if intervention.tokens != "all":
        raise SettingError(
            f"write into the model's weights what is written to {TOKENS[intervention.tokens].title}",
            "weights are the same at every token",
            "Write to all tokens: --written-to all.",
        )
    by_site = list(intervention_by_site(intervention, neurons))
    for site, *_ in by_site:
        if site.kind == "residual":
            raise SettingError(
                f"write into the model's weights what is written to the {site.name} of layer {site.layer}",
                "its output is a sum, not that of one linear map",
                "Use neurons of the MLP or the attention: --neurons mlp,attention.",
            )
    return [UnitChange(site.path, *map(torch.from_numpy, arrays)) for site, *arrays in by_site]


def intervention_by_site(
    intervention: Intervention, neurons: NeuronMap
) -> Iterator[tuple[Site, np.ndarray, np.ndarray, np.ndarray]]:
    """Split an intervention by site: units in ascending order, scale and shift of each."""
    for site, units, positions in neurons.by_site(intervention.neurons):
        order = np.argsort(units)
        at = positions[order]
        yield site, units[order], intervention.scale[at], intervention.shift[at]


def form_of(name: str, recipe: Recipe, written: list[UnitChange]) -> Form:
    """Find the form in which changes can be written into the weights of a config's model.

    Parameters
    ----------
    name : str
        What errors call the model.
    recipe : Recipe
        How its modules are made; they need no memory here.

    Raises
    ------
    ModelError
        If a map is written that is no linear map of plain weights, or whose weights are used elsewhere too.
    """
    plain = architectures.skeleton(name, recipe)
    refuse_unwritable(name, plain.whole, plain.base, written)
    shifted = [change.path for change in written if bool((change.shift != 0).any())]
    lacking = _without_bias(plain.base, shifted)
    if not lacking:
        return Form(FOLDER)
    switches: tuple[str, ...] = ()
    for switch in _SWITCHES:
        if getattr(recipe.config, switch, None) is not False:
            continue
        tried = architectures.skeleton(name, switched(recipe, (*switches, switch)))
        added = _names(tried.whole) - _names(plain.whole)
        fewer = _without_bias(tried.base, shifted)
        if len(fewer) < len(lacking) and _names(plain.whole) <= _names(tried.whole) and all(map(_is_bias, added)):
            switches, lacking = (*switches, switch), fewer
        if not lacking:
            return Form(FOLDER, switches)
    return Form(PATCH)


def switched(recipe: Recipe, switches: tuple[str, ...]) -> Recipe:
    """The recipe of the same model whose maps have biases."""
    config: Any = copy.deepcopy(recipe.config)
    for switch in switches:
        setattr(config, switch, True)
    return Recipe(recipe.auto, config, recipe.part, recipe.extra)


def complete(recipe: Recipe) -> Recipe:
    """The recipe of all that a checkpoint holds, where only an encoder of it is used: decoder and head are kept."""
    import transformers

    if recipe.part == "all":
        return recipe
    config: Any = copy.deepcopy(recipe.config)
    auto = recipe.auto
    if recipe.part == "encoder":
        config.is_encoder_decoder, auto = True, transformers.AutoModel
    stated = getattr(transformers, str((config.architectures or [""])[0]), None)
    if isinstance(stated, type) and getattr(stated, "config_class", None) is type(config):
        auto = stated
    return Recipe(auto, config, recipe.part, {})


def refuse_unwritable(name: str, whole: nn.Module, base: nn.Module, written: list[UnitChange]) -> None:
    """Refuse maps whose weights are packed, stacked or used elsewhere too; raises `ModelError`."""
    places: dict[int, int] = {}
    for _, parameter in whole.named_parameters(remove_duplicate=False):
        places[id(parameter)] = places.get(id(parameter), 0) + 1
    for change in written:
        module = base.get_submodule(change.path)
        what = f"write into the weights of {name} what is written to {change.path}"
        if unit_rows(module) is None:
            raise ModelError(
                what,
                f"it is a {type(module).__name__}, not a linear map of plain weights",
                "Leave its neurons out with --expert-sites, or use a dense model in --dtype float32 or bfloat16.",
            )
        if places[id(module.weight)] > 1:
            raise ModelError(
                what, "its weights are used in several places of the model", "Leave its neurons out: --expert-sites."
            )


def _without_bias(base: nn.Module, paths: list[str]) -> list[str]:
    return [path for path in paths if getattr(base.get_submodule(path), "bias", None) is None]


def _names(model: nn.Module) -> set[str]:
    return {name for name, _ in model.named_parameters(remove_duplicate=False)}


def _is_bias(name: str) -> bool:
    return name.endswith(".bias")
