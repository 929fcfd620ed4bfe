"""Sentences as tokens, in batches that waste little on padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from core.errors import CorpusError
from core.inference.language_codes import marked
from core.models.load import LoadedModel

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
    unknown : int
        Number of sentences of which the tokenizer knows nothing: every counted token is the one for unknown text, so
        that they differ in length at most.
    """

    ids: tuple[tuple[int, ...], ...]
    counted: tuple[tuple[bool, ...], ...]
    cut: int
    unknown: int = 0

    @property
    def n_tokens(self) -> int:
        """All tokens, special ones included."""
        return sum(map(len, self.ids))

    @property
    def facts(self) -> dict[str, int]:
        """What is kept beside whatever is computed from these tokens."""
        return {"tokens": self.n_tokens, "cut": self.cut, "unknown": self.unknown}

    def select(self, rows: np.ndarray) -> Tokenised:
        """Some of the sentences, in this order; how many were cut or unknown is not known any more: 0 for both."""
        return Tokenised(tuple(self.ids[row] for row in rows), tuple(self.counted[row] for row in rows), 0)


def tokenise(model: LoadedModel, sentences: Sequence[str], language: str | None = None) -> Tokenised:
    """Turn sentences into token ids, cutting those longer than the model's context.

    Parameters
    ----------
    language : str, optional
        Of all the sentences; a tokenizer that marks sentences with their language needs it.

    Raises
    ------
    CorpusError
        If a sentence has no token besides special ones, or one that the model's embedding has no row for.
    ModelError
        If the tokenizer needs a code of the language, and has none.
    """
    with marked(model, language):
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
    _refuse_ids(model, sentences, ids)
    full = [number for number, row in enumerate(ids) if len(row) >= model.context]
    cut = sum(len(model.tokenizer(sentences[number])["input_ids"]) > model.context for number in full)
    return Tokenised(ids, counted, cut, _unknown(ids, counted, model.tokenizer.unk_token_id))


def _refuse_ids(model: LoadedModel, sentences: Sequence[str], ids: Sequence[Sequence[int]]) -> None:
    """Refuse a sentence that spells a special token for which the model's embedding has no row."""
    for number, row in enumerate(ids):
        if max(row) >= model.n_ids:
            raise CorpusError(
                f"embed sentence {number + 1}, {sentences[number]!r}",
                f"it holds {model.tokenizer.decode([max(row)])!r}, for which the model's embedding has no row",
                "Remove it from the row.",
            )


def _unknown(ids: Sequence[Sequence[int]], counted: Sequence[Sequence[bool]], unknown_id: int | None) -> int:
    """Count the sentences whose counted tokens are all the tokenizer's unknown token; 0 if it has none."""
    return sum(
        all(token == unknown_id for token, counts in zip(row, mask, strict=True) if counts)
        for row, mask in zip(ids, counted, strict=True)
    )


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


@dataclass(frozen=True)
class Batch:
    """A few sentences as the model takes them, padded to the right, on the model's device.

    Attributes
    ----------
    rows : ndarray of int64, (n,)
        Which sentences.
    ids, mask : tensor of int64, (n, width)
        Token ids, and 1 for a token, 0 for padding.
    weights : tensor of float32, (n, width)
        Each token's weight in its sentence's mean; 0 for padding and special tokens.
    n_tokens : int
        All tokens, special ones included, without the padding.
    """

    rows: np.ndarray
    ids: torch.Tensor
    mask: torch.Tensor
    weights: torch.Tensor
    n_tokens: int


def padded(tokens: Tokenised, rows: np.ndarray, model: LoadedModel) -> Batch:
    """Put sentences ``rows`` into one batch."""
    width = max(len(tokens.ids[row]) for row in rows)
    ids = torch.full((len(rows), width), model.pad_id, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    # Said, not left to the default: while a model is loaded in another thread, that is the model's own type.
    weights = torch.zeros((len(rows), width), dtype=torch.float32)
    for place, row in enumerate(rows):
        length = len(tokens.ids[row])
        ids[place, :length] = torch.tensor(tokens.ids[row])
        mask[place, :length] = 1
        weights[place, :length] = torch.tensor(tokens.counted[row], dtype=torch.float32)
    weights /= weights.sum(1, keepdim=True)
    n_tokens = sum(len(tokens.ids[row]) for row in rows)
    return Batch(rows, ids.to(model.device), mask.to(model.device), weights.to(model.device), n_tokens)
