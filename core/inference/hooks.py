"""Reading and writing what a model's modules return.

Two symmetric primitives, read and write, owned by one context manager (`hooked`): hooks are attached, used and removed
under the model's lock, and an exception leaves the model as it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import nn

from core.errors import ModelError
from core.models.load import LoadedModel
from core.neurons.interventions import Intervention
from core.neurons.neuron_map import NeuronMap


@contextmanager
def hooked(
    model: LoadedModel,
    reads: dict[str, Callable[[torch.Tensor], None]],
    intervention: Intervention | None,
    neurons: NeuronMap | None = None,
) -> Iterator[set[str]]:
    """Attach reads (by site path) and an intervention to the model's modules; remove them whatever happens.

    Writes come before reads at the same module. The caller holds the model's lock. ``neurons`` is what the
    intervention's indices count through; the model's MLP neurons where it is not given.

    Yields
    ------
    set of str
        Paths with a hook that no pass has come to yet: a read or write that never happens must not go unnoticed.
    """
    handles: list[torch.utils.hooks.RemovableHandle] = []
    untouched: set[str] = set()
    try:
        if intervention is not None and not intervention.is_identity:
            passing = _Passing()
            if intervention.tokens != "all":
                note = partial(_note_tokens, passing, intervention.tokens, _first_token(model))
                handles.append(model.base.register_forward_pre_hook(note, with_kwargs=True))
            for site, units, positions in (neurons or model.neurons).by_site(intervention.neurons):
                scale, shift = intervention.scale[positions], intervention.shift[positions]
                write = _writer(site.path, units, scale, shift, passing)
                untouched.add(site.path)
                handles.append(model.base.get_submodule(site.path).register_forward_hook(write))
        for path, read in reads.items():
            untouched.add(path)
            handles.append(model.base.get_submodule(path).register_forward_hook(_reading(path, read)))
        for path in untouched:
            handles.append(model.base.get_submodule(path).register_forward_hook(_noting(path, untouched)))
        yield untouched
    finally:
        for handle in handles:
            handle.remove()


class _Passing(threading.local):
    """Which tokens of what a thread passes at this moment are written to, ``(n, width)``; None: all."""

    written: torch.Tensor | None = None


def _first_token(model: LoadedModel) -> int | None:
    """The token that the tokenizer puts before every sentence, if it does."""
    for name in ("bos_token_id", "cls_token_id"):
        if (token := getattr(model.tokenizer, name, None)) is not None:
            return int(token)
    return None


def _note_tokens(
    passing: _Passing,
    tokens: str,
    first: int | None,
    _module: nn.Module,
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> None:
    """Find out, before the model runs, which tokens of this call are written to."""
    ids = kwargs.get("input_ids", args[0] if args else None)
    if not isinstance(ids, torch.Tensor):
        raise ModelError(f"write to {tokens} tokens", "the model was called without token ids", "Write to all tokens.")
    if tokens == "no-bos":
        passing.written = torch.ones_like(ids, dtype=torch.bool) if first is None else ids != first
        return
    mask = kwargs.get("attention_mask")
    width = ids.shape[1]  # with a cache the mask also covers what came before
    there = (
        mask[:, -width:].bool() if isinstance(mask, torch.Tensor) and mask.dim() == 2 else torch.ones_like(ids).bool()
    )
    last = width - 1 - there.flip(1).int().argmax(1)
    passing.written = torch.arange(width, device=ids.device) == last[:, None]


def _writer(
    path: str, units: np.ndarray, scale: np.ndarray, shift: np.ndarray, passing: _Passing
) -> Callable[..., None]:
    """A hook that rewrites ``units`` of a module's output in place: ``scale * z + shift``, computed in float32."""
    constant = bool((scale == 0).all())
    held: dict[torch.device, tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = {}

    def write(module: nn.Module, _args: object, output: object) -> None:
        tensor = _tensor(path, module, output)
        if tensor.device not in held:  # a sharded model has its modules on several devices
            held[tensor.device] = (
                torch.as_tensor(units, device=tensor.device),
                torch.as_tensor(scale, device=tensor.device),
                torch.as_tensor(shift, device=tensor.device),
            )
        index, a, b = held[tensor.device]
        new = b.expand(*tensor.shape[:-1], -1) if constant else tensor[..., index].float() * a + b
        new = new.to(tensor.dtype)
        if passing.written is not None:
            here = passing.written.to(tensor.device).reshape(*tensor.shape[:-1], 1)
            new = torch.where(here, new, tensor[..., index])
        tensor[..., index] = new

    return write


def _reading(path: str, read: Callable[[torch.Tensor], None]) -> Callable[..., None]:
    def hook(module: nn.Module, _args: object, output: object) -> None:
        read(_tensor(path, module, output))

    return hook


def _noting(path: str, untouched: set[str]) -> Callable[..., None]:
    def hook(_module: nn.Module, _args: object, _output: object) -> None:
        untouched.discard(path)

    return hook


def unreached(paths: set[str]) -> ModelError:
    """The refusal of modules that the model does not call."""
    others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return ModelError(
        f"reach the neurons of {min(paths)}{others}",
        "the model computes without calling that module",
        "Use a model whose blocks call each of their MLP maps (for BLOOM: slow_but_exact off).",
    )


def _tensor(path: str, module: nn.Module, output: object) -> torch.Tensor:
    """What a module gives: a tensor, or the first of a tuple where the module is a block and no single map."""
    if isinstance(output, (tuple, list)) and output and next(module.children(), None) is not None:
        output = output[0]
    if not isinstance(output, torch.Tensor):
        raise ModelError(
            f"reach the neurons of {path}",
            f"it returns a {type(output).__name__}, not a tensor",
            "Use a model whose maps return plain tensors.",
        )
    return output
