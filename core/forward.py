"""The one batched pass over sentences: read every neuron, write to some, embed at every layer.

Two symmetric primitives, read and write, owned by one context manager (`hooked`): hooks are attached, used and removed
under the model's lock, and an exception leaves the model as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from core.errors import CorpusError, ModelError
from core.interventions import Intervention
from core.models import LoadedModel

POOLINGS = ("mean", "max")
TOKENS_A_BATCH = {"cpu": 1024, "cuda": 16384, "mps": 4096}
# What starting a batch costs, in tokens: what the batching weighs padding against.
_BATCH_OVERHEAD = 24


@dataclass(frozen=True)
class Tokenised:
    """Sentences as token ids.

    Attributes
    ----------
    ids : tuple of tuple of int
        Token ids with the special tokens that the tokenizer adds.
    counted : tuple of tuple of bool
        Which tokens take part in a mean: all but the special ones that the tokenizer added (BOS, above all).
    cut : int
        Number of sentences longer than the context, which were cut.
    """

    ids: tuple[tuple[int, ...], ...]
    counted: tuple[tuple[bool, ...], ...]
    cut: int

    @property
    def n_tokens(self) -> int:
        """All tokens, special ones included."""
        return sum(map(len, self.ids))


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


def tokenise(model: LoadedModel, sentences: Sequence[str]) -> Tokenised:
    """Turn sentences into token ids, cutting those longer than the model's context.

    Raises
    ------
    CorpusError
        If a sentence has no token besides special ones.
    """
    encoded = model.tokenizer(
        list(sentences),
        truncation=True,
        max_length=model.context,
        return_special_tokens_mask=True,
        return_attention_mask=False,
    )
    ids = tuple(tuple(row) for row in encoded["input_ids"])
    counted = tuple(tuple(not special for special in row) for row in encoded["special_tokens_mask"])
    for number, row in enumerate(counted):
        if not any(row):
            raise CorpusError(
                f"embed sentence {number + 1}, {sentences[number]!r}",
                "the model's tokenizer finds no token in it",
                "Remove the row, or use a model whose tokenizer covers its script.",
            )
    full = [number for number, row in enumerate(ids) if len(row) >= model.context]
    cut = sum(len(model.tokenizer(sentences[number])["input_ids"]) > model.context for number in full)
    return Tokenised(ids, counted, cut)


def plan_batches(lengths: Sequence[int], budget: int) -> list[np.ndarray]:
    """Group sentences of similar length so that padding plus the batches' overhead costs least.

    Parameters
    ----------
    lengths : sequence of int, (n,)
        Tokens of each sentence.
    budget : int
        Most padded tokens in a batch; a longer sentence gets a batch of its own.

    Returns
    -------
    list of ndarray of int64
        Indices into ``lengths``, each once, longest batch first (so that memory is found short early). Depends on
        nothing but the arguments.

    Notes
    -----
    Dynamic programming over the lengths in order: the cheapest way to batch the first ``j`` ends with a batch
    ``i..j`` for some ``i``.
    """
    order = np.argsort(np.asarray(lengths), kind="stable")
    sizes = np.asarray(lengths, dtype=np.int64)[order]
    n = len(sizes)
    cost, cut = np.full(n + 1, np.inf), np.zeros(n + 1, dtype=np.int64)
    cost[0] = 0.0
    for j in range(1, n + 1):
        first = max(0, j - max(1, budget // int(sizes[j - 1])))
        starts = np.arange(first, j)
        costs = cost[first:j] + (j - starts) * sizes[j - 1] + _BATCH_OVERHEAD
        best = int(costs.argmin())
        cost[j], cut[j] = costs[best], starts[best]
    batches, j = [], n
    while j > 0:
        batches.append(order[cut[j] : j])
        j = int(cut[j])
    return batches


def forward(
    model: LoadedModel,
    tokens: Tokenised,
    *,
    pooling: str = "mean",
    responses: bool = False,
    embeddings: bool = False,
    intervention: Intervention | None = None,
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
        Written at every token of every sentence; responses are read after it. The identity attaches no hook.
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
    n = len(tokens.ids)
    reader = _Reader(model, n, pooling) if responses else None
    states = np.empty((model.neurons.n_layers + 1, n, model.hidden_size), dtype=np.float32) if embeddings else None
    budget = TOKENS_A_BATCH.get(model.device.type, 1024)
    reads = reader.hooks() if reader else {}
    with model.lock, torch.inference_mode(), hooked(model, reads, intervention) as untouched:
        for rows in plan_batches([len(ids) for ids in tokens.ids], budget):
            ids, mask, weights = _pad(tokens, rows, model)
            if reader:
                reader.begin(rows, weights)
            output = model.base(
                input_ids=ids, attention_mask=mask, use_cache=False, output_hidden_states=embeddings, return_dict=True
            )
            if untouched:
                raise _unreached(untouched)
            if states is not None:
                _embed(states, rows, output, weights, model)
            advance(sum(len(tokens.ids[row]) for row in rows))
    return ForwardResult(reader.result() if reader else None, states)


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


def _unreached(paths: set[str]) -> ModelError:
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


class _Reader:
    """Pools what the modules return, batch by batch."""

    def __init__(self, model: LoadedModel, n_sentences: int, pooling: str) -> None:
        self._pooling = pooling
        narrow = model.dtype in (torch.bfloat16, torch.float16)
        dtype = np.float16 if narrow else np.float32
        self._held = {s.path: np.empty((n_sentences, s.width), dtype=dtype) for s in model.neurons.sites}
        self._rows = np.empty(0, dtype=np.int64)
        self._weights = torch.empty(0)

    def begin(self, rows: np.ndarray, weights: torch.Tensor) -> None:
        """Say which sentences (rows) come next, and the weight of each token (n_rows, n_tokens)."""
        self._rows, self._weights = rows, weights

    def hooks(self) -> dict[str, Callable[[torch.Tensor], None]]:
        return {path: partial(self._read, path) for path in self._held}

    def result(self) -> dict[str, np.ndarray]:
        return {path: np.ascontiguousarray(held.T) for path, held in self._held.items()}

    def _read(self, path: str, output: torch.Tensor) -> None:
        weights = self._weights.to(output.device)
        if output.shape[:-1].numel() != weights.numel():
            raise ModelError(
                f"read the neurons of {path}",
                f"{output.shape[:-1].numel():,} of {weights.numel():,} tokens pass through it, as in a mixture of "
                "experts",
                "Use a dense model.",
            )
        output = output.reshape(*weights.shape, -1)  # OPT flattens its tokens before the MLP
        if self._pooling == "mean":
            pooled = torch.einsum("bt,btw->bw", weights, output.float())
        else:
            pooled = output.float().masked_fill(weights[..., None] == 0, -torch.inf).amax(1)
        values = pooled.cpu().numpy()
        peak = np.abs(values).max()
        if not np.isfinite(peak):
            raise ModelError(
                f"read the neurons of {path}",
                "its output is not finite (NaN or infinity)",
                "Use float32 (--dtype float32), or another checkpoint.",
            )
        held = self._held[path]
        if held.dtype == np.float16 and peak > np.finfo(np.float16).max:
            held = self._held[path] = held.astype(np.float32)
        held[self._rows] = values


def _pad(tokens: Tokenised, rows: np.ndarray, model: LoadedModel) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pad to the right: ids and attention mask (n_rows, width), and each token's weight in its sentence's mean."""
    width = max(len(tokens.ids[row]) for row in rows)
    ids = torch.full((len(rows), width), model.pad_id, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    weights = torch.zeros((len(rows), width))
    for place, row in enumerate(rows):
        length = len(tokens.ids[row])
        ids[place, :length] = torch.tensor(tokens.ids[row])
        mask[place, :length] = 1
        weights[place, :length] = torch.tensor(tokens.counted[row], dtype=torch.float32)
    weights /= weights.sum(1, keepdim=True)
    return ids.to(model.device), mask.to(model.device), weights.to(model.device)


def _embed(states: np.ndarray, rows: np.ndarray, output: object, weights: torch.Tensor, model: LoadedModel) -> None:
    hidden = list(output.hidden_states)  # type: ignore[attr-defined]
    hidden[-1] = output.last_hidden_state  # type: ignore[attr-defined]  # some models list it before the final norm
    for layer, state in enumerate(hidden):
        pooled = torch.einsum("bt,bth->bh", weights.to(state.device), state.float()).cpu().numpy()
        if not np.isfinite(pooled).all():
            raise ModelError(
                f"embed sentences at layer {layer} of {model.name}",
                "the hidden state is not finite (NaN or infinity)",
                "Use a smaller strength, or float32 (--dtype float32).",
            )
        states[layer, rows] = pooled
