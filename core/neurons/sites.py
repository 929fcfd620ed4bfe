"""Where a model's neurons are: one global index over (layer, site, unit).

A *site* is a module inside a block whose output units are neurons: a linear map of its MLP, the output map of its
attention, or the block itself. Sites are found from the module tree and the config alone, never from a model's name:

- the stack of blocks is the outermost list of ``num_hidden_layers`` modules that hold linear maps;
- in a block, what stands below a module named after attention is the attention. Of its linear maps that give the hidden
  state's width, the output map is the one named as such, else the last;
- every other linear map belongs to the MLP, but for those named ``per_layer_...`` (Gemma 4), which weigh the embedding
  that a token has for this layer alone. A module that holds the weights of many experts as stacked (3-D) parameters is
  one site: no hook sees a single expert's units. A module that chooses between experts, or scales their sum by one
  number, has no neurons;
- a block with a weight matrix that is none of these is refused, since its neurons would be incomplete.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from torch import nn

from core.errors import ModelError, SettingError
from core.neurons.neuron_map import NeuronMap, Site

KINDS = ("attention", "mlp", "residual")  # in forward order within a block
_ATTENTION = re.compile(r"^(?!.*norm).*(attn|attention)", re.IGNORECASE)
_PER_LAYER = re.compile(r"^per_layer_")
_OUTPUT = re.compile(r"^(o|wo|out|output)(_proj|_lin)?$", re.IGNORECASE)


def find_blocks(base: nn.Module, n_layers: int) -> tuple[str, nn.ModuleList]:
    """Find the stack of transformer blocks: the outermost list of ``n_layers`` modules that hold linear maps.

    Raises
    ------
    ModelError
        If there is none.
    """
    for path, module in base.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == n_layers and all(_linears(block) for block in module):
            return path, module
    lists = {path: len(m) for path, m in base.named_modules() if isinstance(m, nn.ModuleList)}
    raise ModelError(
        f"find the blocks of a {type(base).__name__}",
        f"none of its module lists ({lists or 'it has none'}) has the {n_layers} layers that its config names",
        "Use a decoder-only or encoder model whose blocks stand in one list (Llama, Gemma, BLOOM, GPT-2, ...).",
    )


def find_neurons(base: nn.Module, n_layers: int, kinds: Sequence[str] = ("mlp",)) -> NeuronMap:
    """Map the neurons of a base model.

    Parameters
    ----------
    base : nn.Module
        The model without its language-modelling head; may live on the ``meta`` device.
    n_layers : int
        Number of blocks, from the config.
    kinds : sequence of {"mlp", "attention", "residual"}
        Which sites; they come in forward order, whatever the order here.

    Raises
    ------
    SettingError
        For a kind that is not known, or none.
    ModelError
        If a block does not fit this description of a transformer; says what was found and what is needed.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        raise SettingError(
            f"neurons of kind {', '.join(map(repr, unknown)) or 'none'}", "it is not known", f"Use {', '.join(KINDS)}."
        )
    stack, blocks = find_blocks(base, n_layers)
    hidden = _hidden_size(base)
    sites: list[Site] = []
    start = 0
    for layer, block in enumerate(blocks):
        _refuse_mixing(block)
        _refuse_separate_experts(block)
        # All three kinds are looked up, whichever are requested, so that a model that is no transformer is refused.
        widths = {
            "attention": _attention_maps(block, hidden),
            "mlp": _mlp_maps(block, hidden),
            "residual": {"": hidden},
        }
        names = widths | {"mlp": _short_names(widths["mlp"])}
        for kind in (kind for kind in KINDS if kind in kinds):
            for path, name in zip(widths[kind], names[kind], strict=True):
                width = widths[kind][path]
                full_path = f"{stack}.{layer}.{path}".rstrip(".")
                sites.append(Site(layer, name or "block", full_path, width, start, kind))
                start += width
    return NeuronMap(tuple(sites))


def _hidden_size(base: nn.Module) -> int:
    try:
        return int(base.config.get_text_config().hidden_size)  # type: ignore[operator,union-attr]
    except AttributeError as error:
        raise ModelError(
            f"find the neurons of a {type(base).__name__}",
            "its config names no hidden_size",
            "Use a transformer whose hidden state has one width in all layers.",
        ) from error


def _attention_maps(block: nn.Module, hidden: int) -> dict[str, int]:
    """Width of the output map of each attention of a block, by path."""
    candidates: dict[str, list[str]] = {}
    for path, module in _linears(block):
        step = _attention_step(path)
        # By width, since Phi-3 lists its output map before the fused query, key and value map.
        if step is not None and _width(module) == hidden:
            candidates.setdefault(".".join(path.split(".")[: step + 1]), []).append(path)
    if not candidates:
        raise _misfit(
            block,
            f"none of its linear maps ({_listed(path for path, _ in _linears(block))}) is an attention's output map "
            f"(below a module named after attention, with {hidden} outputs)",
            "a transformer whose attention stands in a module of its own",
        )
    return {_output_map(group, paths): hidden for group, paths in candidates.items()}


def _output_map(group: str, paths: list[str]) -> str:
    # By name where it has one, since gated attention has another map of that width, listed later.
    named = [path for path in paths if any(_OUTPUT.match(step) for step in path.removeprefix(group).split("."))]
    return (named or paths)[-1]


def _attention_step(path: str) -> int | None:
    """Which step of a path is named after attention; None if none is."""
    return next((number for number, step in enumerate(path.split(".")) if _ATTENTION.match(step)), None)


def _mlp_maps(block: nn.Module, hidden: int) -> dict[str, int]:
    """Width of each linear map outside attention and of each module of experts, by path, in the modules' order."""
    experts = _fused_experts(block)
    routers = _routers(block, experts, hidden)
    widths: dict[str, int] = {}
    for path, module in _outside_attention(block):
        width = _width(module)
        if path in experts:
            widths[path] = hidden
        elif any(_within(path, other) for other in [*experts, *routers]):
            continue
        elif width and not list(module.children()):
            if width > 1:  # width 1 is a gate that scales the whole output
                widths[path] = width
        else:
            _refuse_unmapped(block, path, module)
    if not widths:
        raise _misfit(block, "it has no linear map outside its attention", "a transformer with an MLP in each block")
    return widths


def _outside_attention(block: nn.Module) -> list[tuple[str, nn.Module]]:
    return [
        (path, m)
        for path, m in block.named_modules()
        if path and _attention_step(path) is None and not any(map(_PER_LAYER.match, path.split(".")))
    ]


def _within(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}.")


def _fused_experts(block: nn.Module) -> dict[str, int]:
    """Number of experts in each module that holds the weights of several, by path."""
    counts: dict[str, int] = {}
    for path, module in _outside_attention(block):
        stacked = {name: p.shape[0] for name, p in _own_weights(module, 3).items()}
        if len(stacked) == 1 or len(set(stacked.values())) > 1:
            raise _misfit(
                block,
                f"{path} holds a stack of weights ({_listed(stacked)}) that is not a set of whole experts, so that "
                "its output is not one row a token",
                "a dense model, or one whose experts stand in one module",
            )
        if stacked:
            counts[path] = next(iter(stacked.values()))
    return counts


def _routers(block: nn.Module, experts: dict[str, int], hidden: int) -> list[str]:
    """Find the modules beside experts that give one number for each expert; a shared expert gives a hidden state."""
    routers = []
    for path, count in experts.items():
        parent = path.rpartition(".")[0]
        for name, sibling in block.get_submodule(parent).named_children():
            sibling_path = f"{parent}.{name}".lstrip(".")
            modules = [m for _, m in sibling.named_modules()]
            sizes = {n for m in modules for p in _own_weights(m, 2).values() for n in p.shape}
            if sibling_path != path and count in sizes and hidden not in {_width(m) for m in modules}:
                routers.append(sibling_path)
    return routers


def _refuse_separate_experts(block: nn.Module) -> None:
    """Refuse experts that are separate modules, since each of them sees only the tokens that are sent to it."""
    for path, module in _outside_attention(block):
        if not isinstance(module, (nn.ModuleList, nn.ModuleDict)):
            continue
        parts = [part for part in module.children() if _linears(part)]  # beside them may stand a dropout
        if len({type(part) for part in parts}) != 1 or len(parts) < 2:
            continue
        routers = [
            other
            for other, m in block.named_modules()
            if not _within(other, path) and any(len(parts) in p.shape for p in _own_weights(m, 2).values())
        ]
        if routers:
            raise _misfit(
                block,
                f"its {len(parts)} experts ({path}) are separate modules, each of which sees only the tokens that "
                f"{routers[0]} sends to it",
                "a dense model, or one whose experts stand in one module",
            )


def _own_weights(module: nn.Module, dim: int) -> dict[str, torch.Tensor]:
    """A module's own parameters that are matrices (2) or stacks of them (3); a vector may have dimensions of one."""
    return {name: p for name, p in module.named_parameters(recurse=False) if sum(n > 1 for n in p.shape) == dim}


def _refuse_mixing(block: nn.Module) -> None:
    mixing = [path for path, m in _outside_attention(block) if isinstance(m, nn.Conv1d)]
    if mixing:  # a state-space or convolutional mixer has linear maps too, which are no MLP's
        raise _misfit(
            block,
            f"it mixes tokens by a convolution ({mixing[0]}), so its linear maps are not all an MLP's",
            "a transformer with an MLP in each block (Llama, Gemma, BLOOM, GPT-2, ...)",
        )


def _refuse_unmapped(block: nn.Module, path: str, module: nn.Module) -> None:
    """Refuse a module that has a weight matrix of its own but is no linear map."""
    for name, weight in _own_weights(module, 2).items():
        raise _misfit(
            block,
            f"{path}.{name} is a weight of shape {tuple(weight.shape)} in a {type(module).__name__}, which is no "
            "linear map that a hook can read",
            "a transformer whose MLP is made of linear maps",
        )


def _short_names(paths: Iterable[str]) -> list[str]:
    """Last steps of the paths, or the whole path where two would be called the same."""
    paths = list(paths)
    last = Counter(path.rsplit(".", 1)[-1] for path in paths)
    return [short if last[short := path.rsplit(".", 1)[-1]] == 1 and not short.isdigit() else path for path in paths]


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") or "it has none"


def _misfit(block: nn.Module, problem: str, needed: str) -> ModelError:
    return ModelError(f"find the neurons of a {type(block).__name__}", problem, f"Use {needed}.")


def _linears(block: nn.Module) -> list[tuple[str, nn.Module]]:
    """Linear maps of a block: ``nn.Linear`` and modules that act like it (``Conv1D``, quantised layers)."""
    return [(path, m) for path, m in block.named_modules() if _width(m) and not list(m.children())]


def _width(module: nn.Module) -> int:
    """Output units of a linear map; 0 if it is none."""
    if isinstance(module, nn.Linear):
        return int(module.out_features)
    # GPT-2's Conv1D names its outputs nf; 8- and 4-bit layers keep out_features without being nn.Linear.
    for name in ("nf", "out_features"):
        if isinstance(width := getattr(module, name, None), int):
            return width
    return 0
