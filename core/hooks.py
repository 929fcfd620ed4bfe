"""Reading and writing what a model's modules return.

Two symmetric primitives, read and write, owned by one context manager (`hooked`): hooks are attached, used and removed
under the model's lock, and an exception leaves the model as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from core.errors import ModelError
from core.interventions import Intervention
from core.models import LoadedModel


@contextmanager
def hooked(
    model: LoadedModel, reads: dict[str, Callable[[torch.Tensor], None]], intervention: Intervention | None
) -> Iterator[set[str]]:
    """Attach reads (by site path) and an intervention to the model's modules; remove them whatever happens.

    Writes come before reads at the same module. The caller holds the model's lock.

    Yields
    ------
    set of str
        Paths with a hook that no pass has come to yet: a read or write that never happens must not go unnoticed.
    """
    handles: list[torch.utils.hooks.RemovableHandle] = []
    untouched: set[str] = set()
    try:
        if intervention is not None and not intervention.is_identity:
            for site, units, positions in model.neurons.by_site(intervention.neurons):
                write = _writer(site.path, units, intervention.scale[positions], intervention.shift[positions])
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


def _writer(path: str, units: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> Callable[..., None]:
    """A hook that rewrites ``units`` of a module's output in place: ``scale * z + shift``, computed in float32."""
    constant = bool((scale == 0).all())
    held: dict[torch.device, tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = {}

    def write(_module: nn.Module, _args: object, output: object) -> None:
        tensor = _only_tensor(path, output)
        if tensor.device not in held:  # a sharded model has its modules on several devices
            held[tensor.device] = (
                torch.as_tensor(units, device=tensor.device),
                torch.as_tensor(scale, device=tensor.device),
                torch.as_tensor(shift, device=tensor.device),
            )
        index, a, b = held[tensor.device]
        new = b.expand(*tensor.shape[:-1], -1) if constant else tensor[..., index].float() * a + b
        tensor[..., index] = new.to(tensor.dtype)

    return write


def _reading(path: str, read: Callable[[torch.Tensor], None]) -> Callable[..., None]:
    def hook(_module: nn.Module, _args: object, output: object) -> None:
        read(_only_tensor(path, output))

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


def _only_tensor(path: str, output: object) -> torch.Tensor:
    if not isinstance(output, torch.Tensor):
        raise ModelError(
            f"reach the neurons of {path}",
            f"it returns a {type(output).__name__}, not a tensor",
            "Use a model whose MLP maps return plain tensors.",
        )
    return output
