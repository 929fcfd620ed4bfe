"""The one batched pass over sentences: read every neuron, write to some, embed at every layer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from core import parallel
from core.errors import ModelError
from core.inference.batching import Batch, Tokenised, padded, plan_batches
from core.inference.hooks import hooked, unreached
from core.inference.pooling import weighted_mean
from core.inference.trunk import Turn, first_changed, shared
from core.models.load import LoadedModel
from core.neurons.interventions import Intervention
from core.neurons.sites import NeuronMap, find_blocks

POOLINGS = ("mean", "max")
TOKENS_A_BATCH = {"cpu": 512, "cuda": 16384, "mps": 4096}


@dataclass(frozen=True)
class ForwardResult:
    """What one pass gives; arrays are None where they were not asked for.

    Attributes
    ----------
    responses : dict of str to ndarray of float16 or float32, (width, n_sentences), or None
        Pooled output of every neuron by site path, in the precision that the model computes in (float32 where a value
        would leave float16's range).
    embeddings : ndarray of float32, (n_layers + 1, n_sentences, hidden), or None
        Mean over counted tokens of each hidden state; 0 is the input embedding, the last comes after the final norm.
    """

    responses: dict[str, np.ndarray] | None
    embeddings: np.ndarray | None


def forward(
    model: LoadedModel,
    tokens: Tokenised,
    *,
    pooling: str = "mean",
    responses: bool = False,
    embeddings: bool = False,
    intervention: Intervention | None = None,
    neurons: NeuronMap | None = None,
    parts: Sequence[int] | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> ForwardResult:
    """Pass sentences through the base model.

    Parameters
    ----------
    pooling : {"mean", "max"}
        How a neuron's outputs over the counted tokens of a sentence become its response.
    responses, embeddings : bool
        What to return.
    intervention : Intervention, optional
        Written to every sentence; responses are read after it. The identity attaches no hook.
    neurons : NeuronMap, optional
        What is read, and what the intervention's indices count through: the model's MLP neurons unless given.
    parts : sequence of int, optional
        Lengths of consecutive runs of sentences that are batched apart, so that a run's numbers do not depend on what
        passes beside it.
    advance : callable
        Called with the number of tokens after each batch; what it raises stops the pass.

    Returns
    -------
    ForwardResult
        The same call gives the same bits: batches depend on the sentences alone.

    Raises
    ------
    ModelError
        If an activation is not finite, or a module cannot be read or written to; names the module.
    """
    if pooling not in POOLINGS:
        raise ValueError(f"pooling {pooling!r}: one of {POOLINGS}")
    neurons = neurons or model.neurons
    reader = _Reader(model, neurons, len(tokens.ids), pooling) if responses else None
    states = _states(model, tokens) if embeddings else None
    _pass(model, tokens, [intervention], [states], reader, neurons, parts, advance)
    return ForwardResult(reader.result() if reader else None, states)


def embed_spaces(
    model: LoadedModel,
    tokens: Tokenised,
    interventions: Sequence[Intervention | None],
    *,
    neurons: NeuronMap | None = None,
    parts: Sequence[int] | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> list[np.ndarray]:
    """Embed sentences under several interventions, sharing what they share; None is the unmodified model.

    Batches are made once, and the blocks below the first that any intervention writes to run once a batch. Parameters
    and errors are those of `forward`; ``advance`` is told of a batch's tokens once an intervention.

    Returns
    -------
    list of ndarray of float32, (n_layers + 1, n_sentences, hidden)
        One an intervention, with the very bits that `forward` gives for it alone.
    """
    states = [_states(model, tokens) for _ in interventions]
    _pass(model, tokens, interventions, states, None, neurons or model.neurons, parts, advance)
    return states


def _states(model: LoadedModel, tokens: Tokenised) -> np.ndarray:
    return np.empty((model.neurons.n_layers + 1, len(tokens.ids), model.hidden_size), dtype=np.float32)


def _pass(
    model: LoadedModel,
    tokens: Tokenised,
    interventions: Sequence[Intervention | None],
    states: Sequence[np.ndarray | None],
    reader: _Reader | None,
    neurons: NeuronMap,
    parts: Sequence[int] | None,
    advance: Callable[[int], None],
) -> None:
    """Pass every batch once an intervention, filling ``states`` and the reader."""
    turn = Turn()
    reads = reader.hooks() if reader else {}
    with model.lock, parallel.frequent_switches(), ExitStack() as held:
        attached = [
            held.enter_context(hooked(model, reads, each, neurons, partial(_is_turn, turn, number)))
            for number, each in enumerate(interventions)
        ]
        if len(interventions) > 1:
            blocks = find_blocks(model.base, model.neurons.n_layers)[1]
            held.enter_context(shared(list(blocks)[: first_changed(interventions, neurons)], turn))

        def work(rows: np.ndarray) -> None:
            batch = padded(tokens, rows, model)
            if reader:
                reader.begin(batch)
            for number, space in enumerate(states):
                turn.number = number
                with torch.inference_mode():  # which is a thread's own
                    output = model.base(
                        input_ids=batch.ids,
                        attention_mask=batch.mask,
                        use_cache=False,
                        output_hidden_states=space is not None,
                        return_dict=True,
                    )
                    if untouched := set().union(*attached):
                        raise unreached(untouched)
                    if space is not None:
                        _embed(space, batch, output, model)

        batches = _batches(tokens, parts or [len(tokens.ids)], TOKENS_A_BATCH.get(model.device.type, 512))
        count = 1 if model.sharded else parallel.count(model.device)
        for rows, _ in parallel.side_by_side(work, batches, count):
            advance(len(interventions) * sum(len(tokens.ids[row]) for row in rows))


def _is_turn(turn: Turn, number: int) -> bool:
    return turn.number == number


def _batches(tokens: Tokenised, parts: Sequence[int], budget: int) -> list[np.ndarray]:
    planned, start = [], 0
    for size in parts:
        lengths = [len(ids) for ids in tokens.ids[start : start + size]]
        planned += [rows + start for rows in plan_batches(lengths, budget)]
        start += size
    return planned


class _Reader:
    """Pools what the modules return, batch by batch."""

    def __init__(self, model: LoadedModel, neurons: NeuronMap, n_sentences: int, pooling: str) -> None:
        self._pooling = pooling
        narrow = model.dtype in (torch.bfloat16, torch.float16)
        dtype = np.float16 if narrow else np.float32
        self._held = {s.path: np.empty((n_sentences, s.width), dtype=dtype) for s in neurons.sites}
        self._now = threading.local()
        self._writing = threading.Lock()

    def begin(self, batch: Batch) -> None:
        """Say which batch this thread passes next."""
        self._now.batch = batch

    def hooks(self) -> dict[str, Callable[[torch.Tensor], None]]:
        return {path: partial(self._read, path) for path in self._held}

    def result(self) -> dict[str, np.ndarray]:
        return {path: np.ascontiguousarray(held.T) for path, held in self._held.items()}

    def _read(self, path: str, output: torch.Tensor) -> None:
        batch: Batch = self._now.batch
        weights = batch.weights.to(output.device)
        if output.shape[:-1].numel() != weights.numel():
            raise ModelError(
                f"read the neurons of {path}",
                f"{output.shape[:-1].numel():,} of {weights.numel():,} tokens pass through it, as in a mixture of "
                "experts",
                "Use a dense model.",
            )
        output = output.reshape(*weights.shape, -1)  # OPT flattens its tokens before the MLP
        if self._pooling == "mean":
            values = weighted_mean(output, weights)
        else:
            values = output.float().masked_fill(weights[..., None] == 0, -torch.inf).amax(1).cpu().numpy()
        peak = np.abs(values).max()
        if not np.isfinite(peak):
            raise ModelError(
                f"read the neurons of {path}",
                "its output is not finite (NaN or infinity)",
                "Use float32 (--dtype float32), or another checkpoint.",
            )
        with self._writing:
            held = self._held[path]
            if held.dtype == np.float16 and peak > np.finfo(np.float16).max:
                held = self._held[path] = held.astype(np.float32)
            held[batch.rows] = values


def _embed(states: np.ndarray, batch: Batch, output: object, model: LoadedModel) -> None:
    hidden = list(output.hidden_states)  # type: ignore[attr-defined]
    hidden[-1] = output.last_hidden_state  # type: ignore[attr-defined]  # some models list it before the final norm
    for layer, state in enumerate(hidden):
        pooled = weighted_mean(state, batch.weights.to(state.device))
        if not np.isfinite(pooled).all():
            raise ModelError(
                f"embed sentences at layer {layer} of {model.name}",
                "the hidden state is not finite (NaN or infinity)",
                "Use a smaller strength, or float32 (--dtype float32).",
            )
        # OPT-350m narrows its last state; zeros beside it change no angle and no distance
        states[layer, batch.rows] = np.pad(pooled, ((0, 0), (0, model.hidden_size - pooled.shape[1])))
