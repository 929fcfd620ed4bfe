"""A model in memory, ready to run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn

from core.errors import ModelError
from core.models import architectures, placement
from core.models.spec import ResolvedModel
from core.neurons.neuron_map import NeuronMap


class Ranks(Protocol):
    """Processes that hold a model's weights together; see `core.inference.ranks`."""

    @property
    def count(self) -> int:
        """How many."""
        ...

    def ask(self, requests: Sequence[Any], passed: Callable[[int], None]) -> list[Any]:
        """Have each of them do its request, all at the same time; called with a rank after each of its batches."""
        ...

    def close(self) -> None:
        """End them."""
        ...


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model ready to run.

    Attributes
    ----------
    lm : nn.Module
        The whole model; of an encoder, ``base``.
    base : nn.Module
        The model without its language-modelling head, which costs more than all layers together.
    neurons : NeuronMap
        Of its MLP; ``outline(resolved, kinds).neurons`` gives others.
    device : torch.device
        Where token ids go; modules of a sharded model may be elsewhere.
    dtype : torch.dtype
        What activations are in.
    pad_id : int
        What fills up a batch; the mask says where. The tokenizer's, or 0 where the model has no row for that.
    generates : bool
        Whether ``lm`` continues text: not if it is an encoder, or its files hold no language-modelling head.
    lock : RLock
        Whoever attaches hooks or runs a forward pass holds it: the object is shared by all visitors.
    ranks : Ranks, optional
        The processes that hold the weights; ``lm`` and ``base`` are then modules without memory for them.
    in_step : bool
        Whether each pass is made by several processes together, of which this is one (`core.models.sharding`).
    """

    resolved: ResolvedModel
    lm: nn.Module
    base: nn.Module
    tokenizer: Any
    neurons: NeuronMap
    hidden_size: int
    context: int
    pad_id: int
    device: torch.device
    dtype: torch.dtype
    generates: bool = True
    lock: threading.RLock = field(default_factory=threading.RLock)
    ranks: Ranks | None = None
    in_step: bool = False

    @property
    def name(self) -> str:
        """As it was asked for."""
        return self.resolved.name

    @property
    def n_ids(self) -> int:
        """Rows of the embedding: token ids are below it."""
        return architectures.n_ids(self.base)

    @property
    def sharded(self) -> bool:
        """Whether its modules' weights move between devices in a pass, so that only one pass can run at a time."""
        return self.resolved.device == placement.SHARDED or self.in_step

    def check_whole(self, deed: str) -> None:
        """Refuse what needs the weights in this process where they are spread over several.

        Parameters
        ----------
        deed : str
            To stand before the model's name: ``continue text with``.

        Raises
        ------
        ModelError
        """
        if self.ranks is not None:
            raise ModelError(
                f"{deed} {self.name}",
                f"its weights are spread over {self.ranks.count} processes, which read neurons and embed sentences and "
                "do nothing else",
                "Leave out --gpus-per-model, and use --device sharded where one GPU is too small.",
            )
