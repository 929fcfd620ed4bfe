"""Sentences divided among the ranks of a model, and what each gave put together again.

A batch is passed by one rank, and is the same as in one process. Each rank makes equally many passes: where it has a
batch less than another, it passes its smallest one twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.inference.batching import TokenisedSentences
from core.inference.encoding import PLAIN, Encoding
from core.models.loaded_model import Ranks
from core.neurons.interventions import Intervention
from core.neurons.neuron_map import NeuronMap


@dataclass(frozen=True, eq=False)
class Share:
    """What one rank does.

    Attributes
    ----------
    tokens : TokenisedSentences
        Its sentences.
    batches : tuple of ndarray of int64
        Rows of its sentences, batch by batch; as many batches as every other rank has.
    neurons : NeuronMap
        What is read and written.
    interventions : tuple of (Intervention or None)
        One after the other.
    pooling, responses, embeddings, encoding
        As of `core.inference.forward.forward`.
    """

    tokens: TokenisedSentences
    batches: tuple[np.ndarray, ...]
    neurons: NeuronMap
    interventions: tuple[Intervention | None, ...] = (None,)
    pooling: str = "mean"
    responses: bool = False
    embeddings: bool = False
    encoding: Encoding = PLAIN


@dataclass(frozen=True, eq=False)
class Division:
    """Batches divided among ranks.

    Attributes
    ----------
    rows : tuple of ndarray of int64
        Of each rank, the sentences that it passes, in the order in which it has them.
    batches : tuple of tuple of ndarray of int64
        Of each rank, its batches as places in its ``rows``.
    n_tokens : tuple of tuple of int
        Of each of these, the tokens that count: none where a batch is passed twice.
    """

    rows: tuple[np.ndarray, ...]
    batches: tuple[tuple[np.ndarray, ...], ...]
    n_tokens: tuple[tuple[int, ...], ...]


def divide(batches: Sequence[np.ndarray], lengths: Sequence[int], count: int) -> Division:
    """Give every rank each ``count``-th batch.

    Parameters
    ----------
    batches : sequence of ndarray of int64
        Rows of each; one at least.
    lengths : sequence of int
        Tokens of every sentence.
    count : int
        Ranks.

    Notes
    -----
    Batches come with their longest sentences first, so that those which are passed at the same time are of about the
    same size.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    smallest = min(batches, key=lambda rows: int(sizes[rows].max()) * len(rows))
    passes = -(-len(batches) // count)
    rows, places, counted = [], [], []
    for rank in range(count):
        own = list(batches[rank::count])
        given = own or [smallest]  # fewer batches than ranks: passed, and what it gives not taken
        counts = [int(sizes[batch].sum()) if own else 0 for batch in given]
        ends = np.cumsum([len(batch) for batch in given])
        at = [np.arange(end - len(batch), end) for batch, end in zip(given, ends, strict=True)]
        twice = min(range(len(given)), key=lambda number: int(sizes[given[number]].max()) * len(given[number]))
        more = passes - len(given)
        rows.append(np.concatenate(given))
        places.append((*at, *[at[twice]] * more))
        counted.append((*counts, *[0] * more))
    return Division(tuple(rows), tuple(places), tuple(counted))


def passed(ranks: Ranks, share: Share, advance: Callable[[int], None]) -> list[Any]:
    """Have the ranks pass sentences.

    Parameters
    ----------
    share : Share
        All that is to be done: its batches are divided.
    advance : callable
        Called with the number of tokens after each batch; what it raises stops the ranks.

    Returns
    -------
    list of core.inference.forward.ForwardResult
        One an intervention, with the sentences in their order.
    """
    lengths = [len(ids) for ids in share.tokens.ids]
    division = divide(share.batches, lengths, ranks.count)
    left = [list(counts) * len(share.interventions) for counts in division.n_tokens]
    requests = [
        replace(share, tokens=share.tokens.select(rows), batches=own)
        for rows, own in zip(division.rows, division.batches, strict=True)
    ]
    answers = ranks.ask(requests, lambda rank: advance(left[rank].pop(0)))
    taken = [(rows, answer) for rows, answer in zip(division.rows, answers, strict=True)][: len(share.batches)]
    return [
        joined([(rows, answer[number]) for rows, answer in taken], len(lengths))
        for number in range(len(share.interventions))
    ]


def joined(parts: Sequence[tuple[np.ndarray, Any]], n_sentences: int) -> Any:
    """Put the ranks' parts together.

    Parameters
    ----------
    parts : sequence of (ndarray of int64, core.inference.forward.ForwardResult)
        Which sentences each is of.
    """
    (_, first), *_ = parts
    responses = embeddings = None
    if first.responses is not None:
        responses = {}
        for path, values in first.responses.items():
            each = [(rows, part.responses[path]) for rows, part in parts]
            wide = np.result_type(*(found for _, found in each))  # one rank may have left float16's range
            whole = responses[path] = np.empty((len(values), n_sentences), dtype=wide)
            for rows, found in each:
                whole[:, rows] = found
    if first.embeddings is not None:
        n_layers, _, width = first.embeddings.shape
        embeddings = np.empty((n_layers, n_sentences, width), dtype=np.float32)
        for rows, part in parts:
            embeddings[:, rows] = part.embeddings
    return replace(first, responses=responses, embeddings=embeddings)
