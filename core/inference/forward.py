"""The one batched pass over sentences: read every neuron, write to some, embed at every layer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from core import parallel
from core.errors import ModelError
from core.inference import faults
from core.inference.batching import Batch, TokenisedSentences, padded, plan_batches
from core.inference.encoding import PLAIN, Encoding
from core.inference.hooks import PassState, hooked, unreached
from core.inference.pooling import largest, sentence_vectors, weighted_mean
from core.inference.shares import Share, passed
from core.models import sentence_encoder
from core.models.loaded_model import LoadedModel
from core.neurons.interventions import Intervention
from core.neurons.neuron_map import NeuronMap
from core.neurons.responses import POOLINGS

TOKENS_A_BATCH = {"cpu": 512, "cuda": 16384, "mps": 4096}


@dataclass(frozen=True)
class ForwardResult:
    """What one pass gives; arrays are None where they were not asked for.

    Attributes
    ----------
    responses : dict of str to ndarray of float16 or float32, (width, n_sentences), or None
        Pooled output of every neuron by site path, in the precision that the model computes in (float32 where a value
        would leave float16's range).
    embeddings : ndarray of float32, (n_layers + 1, n_sentences, width), or None
        Each hidden state pooled, over counted tokens unless the encoding says others; 0 is the input embedding, the
        last comes after the final norm. The width is that of the hidden state, but for an encoding of several vectors
        or with a linear map to more numbers; zeros fill what is narrower.
    """

    responses: dict[str, np.ndarray] | None
    embeddings: np.ndarray | None


def forward(
    model: LoadedModel,
    tokens: TokenisedSentences,
    *,
    pooling: str = "mean",
    responses: bool = False,
    embeddings: bool = False,
    intervention: Intervention | None = None,
    neurons: NeuronMap | None = None,
    parts: Sequence[int] | None = None,
    encoding: Encoding = PLAIN,
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
        Written to every sentence, by the language that the tokens state where it depends on that; responses are read
        after it. The identity attaches no hook.
    neurons : NeuronMap, optional
        What is read, and what the intervention's indices count through: the model's MLP neurons unless given.
    parts : sequence of int, optional
        Lengths of consecutive runs of sentences that are batched apart, so that a run's numbers do not depend on what
        passes beside it.
    encoding : Encoding
        How hidden states become embeddings: the same pooling at every layer; what a model's folder does after it, at
        the last alone. The tokens were made with it.
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
        raise ValueError(f"pooling {pooling!r}: one of {tuple(POOLINGS)}")
    share = Share(
        tokens,
        _batches(model, tokens, parts),
        neurons or model.neurons,
        (intervention,),
        pooling,
        responses,
        embeddings,
        encoding,
    )
    (result,) = pass_share(model, share, advance)
    return result


def embed_spaces(
    model: LoadedModel,
    tokens: TokenisedSentences,
    interventions: Sequence[Intervention | None],
    *,
    neurons: NeuronMap | None = None,
    parts: Sequence[int] | None = None,
    encoding: Encoding = PLAIN,
    advance: Callable[[int], None] = lambda _: None,
) -> list[np.ndarray]:
    """Embed sentences under several interventions, one after the other; None is the unmodified model.

    The batches are made once and no other pass comes between. Parameters and errors are those of `forward`;
    ``advance`` is told of a batch's tokens once an intervention.

    Returns
    -------
    list of ndarray of float32, (n_layers + 1, n_sentences, hidden)
        One an intervention, with the very bits that `forward` gives for it alone.
    """
    share = Share(
        tokens,
        _batches(model, tokens, parts),
        neurons or model.neurons,
        tuple(interventions),
        embeddings=True,
        encoding=encoding,
    )
    spaces = [result.embeddings for result in pass_share(model, share, advance)]
    return [space for space in spaces if space is not None]


def _batches(model: LoadedModel, tokens: TokenisedSentences, parts: Sequence[int] | None) -> tuple[np.ndarray, ...]:
    """All sentences in batches; consecutive runs of ``parts`` sentences are batched apart."""
    budget = TOKENS_A_BATCH.get(model.device.type, 512)
    batches, start = [], 0
    for size in parts or [len(tokens.ids)]:
        lengths = [len(ids) for ids in tokens.ids[start : start + size]]
        batches += [rows + start for rows in plan_batches(lengths, budget)]
        start += size
    return tuple(batches)


def pass_share(model: LoadedModel, share: Share, advance: Callable[[int], None]) -> list[ForwardResult]:
    """Pass sentences in given batches, under one intervention after the other; no other pass comes between.

    Parameters
    ----------
    advance : callable
        Called with the number of tokens after each batch; what it raises stops the pass.

    Returns
    -------
    list of ForwardResult
        One an intervention.

    Raises
    ------
    ModelError
        As `forward`.
    """
    if model.ranks is not None and share.batches:
        with model.lock:
            return passed(model.ranks, share, advance)
    results, n_sentences = [], len(share.tokens.ids)
    with model.lock:
        batches = [padded(share.tokens, rows, model) for rows in share.batches]
        for intervention in share.interventions:
            reader = _Reader(model, share.neurons, n_sentences, share.pooling) if share.responses else None
            states = _States(model, n_sentences, share.encoding) if share.embeddings else None
            _pass(model, batches, intervention, states, reader, share.neurons, advance)
            results.append(ForwardResult(reader.result() if reader else None, states.values if states else None))
    return results


def _pass(
    model: LoadedModel,
    batches: Sequence[Batch],
    intervention: Intervention | None,
    states: _States | None,
    reader: _Reader | None,
    neurons: NeuronMap,
    advance: Callable[[int], None],
) -> None:
    """Pass every batch once, filling ``states`` and the reader; the caller holds the model's lock."""
    reads = reader.hooks() if reader else {}
    passing = PassState()
    with parallel.frequent_switches(), hooked(model, reads, intervention, neurons, passing) as untouched:

        def work(batch: Batch) -> None:
            passing.languages = batch.languages
            if reader:
                reader.begin(batch)
            # inference mode is a thread's own
            with faults.explained("pass sentences through", model), torch.inference_mode():
                output = model.base(
                    input_ids=batch.ids,
                    attention_mask=batch.mask,
                    use_cache=False,
                    output_hidden_states=states is not None,
                    return_dict=True,
                )
                if untouched:
                    raise unreached(untouched)
                if reader:
                    reader.end()
                if states is not None:
                    states.take(batch, output)

        count = 1 if model.sharded else parallel.count(model.device)
        for batch, _ in parallel.side_by_side(work, batches, count):
            advance(batch.n_tokens)


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
        self._now.batch, self._now.refusal = batch, None

    def end(self) -> None:
        """Refuse the batch that this thread has passed, if something in it could not be read.

        Not within the pass, which other processes may be making together with this one.
        """
        if self._now.refusal is not None:
            raise self._now.refusal

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
        values = weighted_mean(output, weights) if self._pooling == "mean" else largest(output, weights > 0)
        peak = np.abs(values).max()
        if not np.isfinite(peak):
            self._now.refusal = self._now.refusal or ModelError(
                f"read the neurons of {path}",
                "its output is not finite (NaN or infinity)",
                "Use float32 (--dtype float32), or another checkpoint.",
            )
            return
        with self._writing:
            held = self._held[path]
            if held.dtype == np.float16 and peak > np.finfo(np.float16).max:
                held = self._held[path] = held.astype(np.float32)
            held[batch.rows] = values


class _States:
    """Pools the hidden states, batch by batch.

    Attributes
    ----------
    values : ndarray of float32, (n_layers + 1, n_sentences, width)
    """

    def __init__(self, model: LoadedModel, n_sentences: int, encoding: Encoding) -> None:
        self._model, self._encoding = model, encoding
        encoder = encoding.encoder
        self._head = sentence_encoder.head(model.resolved, encoder) if encoder else ()
        shape = (model.neurons.n_layers + 1, n_sentences, encoding.width(model.hidden_size))
        self.values = np.empty(shape, dtype=np.float32)

    def take(self, batch: Batch, output: object) -> None:
        """Pool what a pass gave for a batch."""
        hidden = list(output.hidden_states)  # type: ignore[attr-defined]
        hidden[-1] = output.last_hidden_state  # type: ignore[attr-defined]  # some models list it before the final norm
        for layer, state in enumerate(hidden):
            if self._encoding.poolings == ("mean",) and not self._encoding.pools_special:
                vectors = weighted_mean(state, batch.weights.to(state.device))
            else:
                pooled = batch.pooled.to(state.device)
                vectors = np.hstack([sentence_vectors(state, pooled, name) for name in self._encoding.poolings])
            if layer == len(hidden) - 1:
                for step in self._head:
                    vectors = step(vectors)
            if not np.isfinite(vectors).all():
                raise ModelError(
                    f"embed sentences at layer {layer} of {self._model.name}",
                    "the hidden state is not finite (NaN or infinity)",
                    "Use a smaller strength, or float32 (--dtype float32).",
                )
            # OPT-350m narrows its last state; zeros beside it change no angle and no distance
            self.values[layer, batch.rows] = np.pad(vectors, ((0, 0), (0, self.values.shape[2] - vectors.shape[1])))
