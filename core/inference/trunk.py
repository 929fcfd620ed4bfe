"""What several passes over the same tokens share: the blocks below the first that any of them changes.

The model's own code runs each time, from its embedding to its final norm; a shared block only gives again what it gave
to the same batch the first time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn

from core.neurons.interventions import Intervention
from core.neurons.sites import NeuronMap


class Turn(threading.local):
    """Which of several passes a thread makes at this moment; the first of a batch records, the others replay."""

    number: int = 0


def first_changed(interventions: Sequence[Intervention | None], neurons: NeuronMap) -> int:
    """The first block that any of several interventions writes to; the number of blocks if none writes anywhere."""
    written = [each.neurons for each in interventions if each is not None and not each.is_identity]
    return min(
        (site.layer for chosen in written for site, _, _ in neurons.by_site(chosen)),
        default=neurons.n_layers,
    )


@contextmanager
def shared(blocks: Sequence[nn.Module], turn: Turn) -> Iterator[None]:
    """Have blocks give again, in a thread's later turns, what they gave to the batch of its first turn.

    The caller holds the model's lock, and passes a batch with all turns before the next. Whatever happens, the blocks
    are left as they were.
    """
    before = [block.__dict__.get("forward") for block in blocks]
    try:
        for block in blocks:
            block.forward = _once(block.forward, turn)
        yield
    finally:
        for block, own in zip(blocks, before, strict=True):
            block.__dict__.pop("forward", None)
            if own is not None:  # a sharded model's block has a forward of its own, which moves its weights
                block.forward = own


def _once(forward: Callable[..., Any], turn: Turn) -> Callable[..., Any]:
    held = threading.local()

    def given(*args: Any, **kwargs: Any) -> Any:
        if turn.number == 0:
            held.output = forward(*args, **kwargs)
        return held.output

    return given
