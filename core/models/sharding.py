"""A model whose weights several processes hold together, each a part of every weight (FSDP2 of torch).

A process of such a group is a *rank*. Before a block runs, the ranks gather its weights; after it each keeps its own
part alone. Modules stay whole, so that neurons are read and written by the same hooks as in one process. Since the
ranks gather together, they make equally many passes, each over sentences of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn

from core.errors import ModelError
from core.models import placement
from core.models.architectures import BuiltModel
from core.models.loaded_model import LoadedModel
from core.models.spec import ResolvedModel
from core.neurons.sites import find_blocks

_WAITS = timedelta(minutes=10)  # of a rank for the others within a pass
_KINDS = ("cpu", "cuda")


def check(resolved: ResolvedModel, made: BuiltModel, count: int) -> None:
    """Refuse a model that cannot be spread over so many ranks of this machine.

    Parameters
    ----------
    made : BuiltModel
        Its modules, which may be without memory.
    count : int
        Ranks.

    Raises
    ------
    ModelError
        If the device is none of those that ranks compute on, there are fewer GPUs, the weights are packed, or the
        blocks are not found.
    """
    what = f"spread {resolved.name} over {count} processes"
    if resolved.device not in _KINDS:
        raise ModelError(
            what, f"the device {resolved.device} is no GPU for each of them", "Use --device cuda, or one process."
        )
    if resolved.dtype in placement.PACKED:
        raise ModelError(
            what, f"{resolved.dtype} weights cannot be gathered from parts", "Use --dtype bfloat16 or float32."
        )
    find_blocks(made.base, made.n_layers)
    if resolved.device == "cuda":
        placement.check_here("cuda")
        there = torch.cuda.device_count()
        if there < count:
            raise ModelError(what, f"this machine has {there} CUDA devices", f"Give at most {there} --gpus-per-model.")


def check_room(resolved: ResolvedModel, made: BuiltModel, count: int) -> None:
    """Refuse a model of which this rank's part, and what is gathered at one time, do not fit on its GPU.

    Raises
    ------
    ModelError
        Says what it needs and what there is.
    """
    _, blocks = find_blocks(made.base, made.n_layers)
    total, in_blocks = (sum(p.numel() for p in module.parameters()) for module in (made.base, blocks))
    gathered = total - in_blocks + 2 * in_blocks / len(blocks)  # two blocks, and all that is in none
    width = placement.TORCH_DTYPES[resolved.dtype].itemsize
    needed = (total / count + gathered) * width + (1 << 30)  # a batch's activations come on top
    free = float(torch.cuda.mem_get_info()[0])
    if needed > free:
        raise ModelError(
            f"spread {resolved.name} over {count} processes",
            f"each needs about {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free on its GPU",
            "Use more --gpus-per-model, a narrower --dtype, or a smaller model.",
        )


def join(kind: str, rank: int, count: int, meeting: Path) -> None:
    """Join the group of processes that hold a model together; all of them call this at the same time.

    Parameters
    ----------
    kind : {"cpu", "cuda"}
        What they compute on: gloo moves the weights between processors, NCCL between GPUs.
    rank, count : int
        Which of how many this is.
    meeting : Path
        A file that does not exist yet, in which they find each other; all are on one machine.
    """
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
    os.environ.setdefault("NCCL_SOCKET_IFNAME", loopback)
    if kind == "cuda":
        torch.cuda.set_device(rank)
    distributed.init_process_group(
        "gloo" if kind == "cpu" else "cpu:gloo,cuda:nccl",
        init_method=f"file://{meeting}",
        rank=rank,
        world_size=count,
        timeout=_WAITS,
    )


def any_of(flag: bool) -> bool:
    """Whether a flag is set in one rank at least; all of them call this at the same time."""
    shared = torch.tensor([int(flag)])
    distributed.all_reduce(shared, op=distributed.ReduceOp.MAX)
    return bool(shared.item())


def shard(model: LoadedModel, kind: str) -> LoadedModel:
    """Keep of a model's weights this rank's part, block by block; every rank of the group does the same.

    Parameters
    ----------
    model : LoadedModel
        On the processor. It is changed, and of no use by itself afterwards.
    kind : {"cpu", "cuda"}
        What the ranks compute on.

    Returns
    -------
    LoadedModel
        The same without a language-modelling head: each pass of its ``base`` is one of all ranks, over sentences of
        each rank's own. Hidden states come with the output as they do from the model in one process.

    Raises
    ------
    ModelError
        If this process is in no group, its blocks are not found, or a block mixes precisions.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    if not (distributed.is_available() and distributed.is_initialized()):
        raise ModelError(
            f"spread {model.name} over several processes",
            "this process is in no group of processes",
            "Give --gpus-per-model, which starts them.",
        )
    _, blocks = find_blocks(model.base, model.neurons.n_layers)
    for number, block in enumerate(blocks):
        _check_one_precision(model.name, number, block)
    mesh = init_device_mesh(kind, (distributed.get_world_size(),))
    for block in blocks:
        fully_shard(block, mesh=mesh, reshard_after_forward=True)
    fully_shard(model.base, mesh=mesh)
    _give_hidden_states(model.base, blocks)
    device = torch.device(kind, torch.cuda.current_device()) if kind == "cuda" else torch.device(kind)
    return replace(model, lm=model.base, generates=False, device=device, in_step=True)


def _check_one_precision(name: str, number: int, block: nn.Module) -> None:
    kinds = {parameter.dtype for parameter in block.parameters()}
    if len(kinds) > 1:
        raise ModelError(
            f"spread {name} over several processes",
            f"block {number} has weights in {', '.join(sorted(str(kind).removeprefix('torch.') for kind in kinds))}, "
            "which are not gathered together",
            "Use --dtype float32, or one process.",
        )


def _give_hidden_states(base: nn.Module, blocks: nn.ModuleList) -> None:
    """Put hidden states into the output where they are asked for: what enters each block, and the last one.

    transformers finds its recorders by a module's class, which is another once it is sharded.
    """
    entered: list[torch.Tensor] = []

    def begin(_module: nn.Module, _args: object, _kwargs: object) -> None:
        entered.clear()

    def note(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        entered.append(args[0] if args else kwargs["hidden_states"])

    def give(_module: nn.Module, _args: object, kwargs: dict[str, Any], output: Any) -> Any:
        if kwargs.get("output_hidden_states"):
            output.hidden_states = (*entered, output.last_hidden_state)
        entered.clear()
        return output

    base.register_forward_pre_hook(begin, with_kwargs=True)
    for block in blocks:
        block.register_forward_pre_hook(note, with_kwargs=True)
    base.register_forward_hook(give, with_kwargs=True)


def passes_ended(base: nn.Module) -> Callable[[], bool]:
    """Watch a model's passes; returns what says whether each one that began has come to its end.

    After an error within a pass the ranks are no longer at the same place, and the group is of no use.
    """
    begun = [0, 0]

    def begin(_module: nn.Module, _args: object) -> None:
        begun[0] += 1

    def end(_module: nn.Module, _args: object, _output: object) -> None:
        begun[1] += 1

    base.register_forward_pre_hook(begin)
    base.register_forward_hook(end)
    return lambda: begun[0] == begun[1]
