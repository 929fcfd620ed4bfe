"""Sentences as tokens, in batches that waste little on padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from core.errors import CorpusError
from core.inference import chat, faults
from core.inference.encoding import PLAIN, Encoding
from core.inference.language_codes import marked
from core.models.loaded_model import LoadedModel

# What starting a batch costs, in tokens: what the batching weighs padding against.
_BATCH_OVERHEAD = 24


@dataclass(frozen=True)
class TokenisedSentences:
    """Sentences as token ids.

    Attributes
    ----------
    ids : tuple of tuple of int
        Token ids with the special tokens that the tokenizer adds.
    counted : tuple of tuple of bool
        Which tokens take part in a neuron's response: all but the special ones that the tokenizer added (BOS, above
        all), and what a chat's template puts around the sentence.
    cut : int
        Number of sentences longer than the context, which were cut.
    unknown : int
        Number of sentences of which the tokenizer knows nothing: every counted token is the one for unknown text, so
        that they differ in length at most.
    pooled : tuple of tuple of bool, optional
        Which tokens take part in the sentence's embedding, where these are others.
    languages : tuple of (str or None), optional
        Of each sentence: what an intervention by source language goes by.
    """

    ids: tuple[tuple[int, ...], ...]
    counted: tuple[tuple[bool, ...], ...]
    cut: int
    unknown: int = 0
    pooled: tuple[tuple[bool, ...], ...] | None = None
    languages: tuple[str | None, ...] | None = None

    @property
    def n_tokens(self) -> int:
        """All tokens, special ones included."""
        return sum(map(len, self.ids))

    @property
    def facts(self) -> dict[str, int]:
        """What is kept beside whatever is computed from these tokens."""
        return {"tokens": self.n_tokens, "cut": self.cut, "unknown": self.unknown}

    def select(self, rows: np.ndarray) -> TokenisedSentences:
        """Some of the sentences, in this order; how many were cut or unknown is not known any more: 0 for both."""
        ids, counted = (tuple(lists[row] for row in rows) for lists in (self.ids, self.counted))
        pooled, languages = (part and tuple(part[row] for row in rows) for part in (self.pooled, self.languages))
        return TokenisedSentences(ids, counted, 0, 0, pooled, languages)  # type: ignore[arg-type]

    @classmethod
    def joined(cls, parts: Sequence[TokenisedSentences]) -> TokenisedSentences:
        """Several lists of sentences as one."""
        pooled = [row for part in parts for row in part.pooled or ()]
        return cls(
            tuple(row for part in parts for row in part.ids),
            tuple(row for part in parts for row in part.counted),
            sum(part.cut for part in parts),
            sum(part.unknown for part in parts),
            tuple(pooled) or None,
            tuple(code for part in parts for code in part.languages or (None,) * len(part.ids)),
        )


def tokenise(
    model: LoadedModel, sentences: Sequence[str], language: str | None = None, encoding: Encoding = PLAIN
) -> TokenisedSentences:
    """Turn sentences into token ids, cutting those longer than the model's context.

    Parameters
    ----------
    language : str, optional
        Of all the sentences; a tokenizer that marks sentences with their language needs it, and so does an intervention
        by source language.
    encoding : Encoding
        What is put around them.

    Raises
    ------
    CorpusError
        If a sentence has no token besides special ones, or one that the model's embedding has no row for.
    ModelError
        If the tokenizer needs a code of the language, and has none.
    """
    limit = min(model.context, (encoding.encoder and encoding.encoder.max_length) or model.context)
    with faults.explained("turn sentences into tokens with", model), marked(model, language):
        ids, counted, lengths = _encode(model, sentences, encoding, limit)
    for number, row in enumerate(counted):
        if not any(row):
            raise CorpusError(
                f"embed sentence {number + 1}, {sentences[number]!r}",
                "the model's tokenizer finds no token in it",
                "Remove the row, or use a model whose tokenizer covers its script.",
            )
    _refuse_ids(model, sentences, ids)
    pooled = None
    if encoding.pools_special:
        first = 0 if encoding.counts_prompt else _prompt_length(model, encoding)
        pooled = tuple(tuple(place >= first for place in range(len(row))) for row in ids)
    cut = sum(length > limit for length in lengths)
    return TokenisedSentences(
        ids, counted, cut, _unknown(ids, counted, model.tokenizer.unk_token_id), pooled, (language,) * len(ids)
    )


_Rows = tuple[tuple[int, ...], ...]


def _encode(
    model: LoadedModel, sentences: Sequence[str], encoding: Encoding, limit: int
) -> tuple[_Rows, tuple[tuple[bool, ...], ...], list[int]]:
    """Ids of sentences, which of them count, and how many there were before those beyond ``limit`` were cut."""
    texts, template = encoding.texts(sentences), chat.template(model) if encoding.chat else None
    before = (len(template.before) if template else 0) + (0 if encoding.counts_prompt else len(encoding.prompt))
    wrapped = [template.around(text) for text in texts] if template else texts
    # The template has special tokens of its own; what is longer than the model's context is said in our words.
    settings = {"add_special_tokens": template is None, "return_attention_mask": False, "verbose": False}
    encoded = model.tokenizer(
        wrapped,
        truncation=True,
        max_length=limit,
        return_special_tokens_mask=True,
        return_offsets_mapping=before > 0,
        **settings,
    )
    ids = tuple(tuple(row) for row in encoded["input_ids"])
    counted = tuple(tuple(not special for special in row) for row in encoded["special_tokens_mask"])
    if before:
        ends = [len(text) - (len(template.after) if template else 0) for text in wrapped]
        counted = tuple(
            tuple(counts and start < end and end > before and start < last for counts, (start, end) in pairs)
            for last, pairs in zip(ends, map(zip, counted, encoded["offset_mapping"]), strict=True)
        )
    full = [number for number, row in enumerate(ids) if len(row) >= limit]
    lengths = [len(row) for row in ids]
    for number in full:
        lengths[number] = len(model.tokenizer(wrapped[number], **settings)["input_ids"])
    return ids, counted, lengths


def _prompt_length(model: LoadedModel, encoding: Encoding) -> int:
    """Tokens of the prompt, with those that the tokenizer puts before it: as sentence-transformers counts them."""
    if not encoding.prompt:
        return 0
    row = model.tokenizer(encoding.texts([""])[0], return_special_tokens_mask=True)
    return len(row["input_ids"]) - int(row["special_tokens_mask"][-1])


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
    pooled : tensor of bool, (n, width)
        Which tokens take part in a sentence's embedding.
    n_tokens : int
        All tokens, special ones included, without the padding.
    languages : tuple of (str or None), (n,)
        Of each sentence, where it is known.
    """

    rows: np.ndarray
    ids: torch.Tensor
    mask: torch.Tensor
    weights: torch.Tensor
    pooled: torch.Tensor
    n_tokens: int
    languages: tuple[str | None, ...] = (None,)


def padded(tokens: TokenisedSentences, rows: np.ndarray, model: LoadedModel) -> Batch:
    """Put sentences ``rows`` into one batch."""
    width = max(len(tokens.ids[row]) for row in rows)
    ids = torch.full((len(rows), width), model.pad_id, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    # Said, not left to the default: while a model is loaded in another thread, that is the model's own type.
    weights = torch.zeros((len(rows), width), dtype=torch.float32)
    pooled = torch.zeros((len(rows), width), dtype=torch.bool)
    for place, row in enumerate(rows):
        length = len(tokens.ids[row])
        ids[place, :length] = torch.tensor(tokens.ids[row])
        mask[place, :length] = 1
        weights[place, :length] = torch.tensor(tokens.counted[row], dtype=torch.float32)
        pooled[place, :length] = torch.tensor((tokens.pooled or tokens.counted)[row])
    weights /= weights.sum(1, keepdim=True)
    n_tokens = sum(len(tokens.ids[row]) for row in rows)
    ids, mask, weights, pooled = (tensor.to(model.device) for tensor in (ids, mask, weights, pooled))
    languages = tuple(tokens.languages[row] for row in rows) if tokens.languages else (None,) * len(rows)
    return Batch(rows, ids, mask, weights, pooled, n_tokens, languages)
