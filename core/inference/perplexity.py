"""How well a model predicts given texts, with and without an intervention."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from core import parallel
from core.errors import ModelError, SettingError
from core.inference import faults, sources
from core.inference.hooks import PassState, hooked, leading, unreached
from core.models.loaded_model import LoadedModel
from core.neurons.interventions import Intervention
from core.neurons.neuron_map import NeuronMap

WINDOW, STRIDE = 1024, 512
_CHUNK = 128  # tokens whose logits exist at one time: 128 x 262,144 float32 are 128 MiB


@dataclass(frozen=True)
class Perplexity:
    """``exp(nll / n_tokens)`` over some texts.

    Attributes
    ----------
    nll : float
        Summed negative log-likelihood of all predicted tokens, in nats.
    n_tokens : int
        How many tokens were predicted.
    n_texts : int
    """

    nll: float
    n_tokens: int
    n_texts: int

    @property
    def value(self) -> float:
        """The perplexity; infinite where it would not fit into a float."""
        mean = self.nll / self.n_tokens
        return math.exp(mean) if mean < 700 else math.inf


@dataclass(frozen=True, eq=False)
class Likelihoods:
    """How well a model predicts each of some texts.

    Attributes
    ----------
    nll : ndarray of float64, (n_texts,)
        Summed negative log-likelihood of a text's predicted tokens, in nats.
    n_tokens : ndarray of int64, (n_texts,)
        How many of its tokens were predicted; 0 for a text of one token.
    """

    nll: np.ndarray
    n_tokens: np.ndarray

    @property
    def pooled(self) -> Perplexity:
        """The perplexity over all tokens of all texts, so that a long text counts for more."""
        return Perplexity(float(self.nll.sum()), int(self.n_tokens.sum()), len(self.nll))


def likelihoods(
    model: LoadedModel,
    texts: Sequence[str],
    *,
    intervention: Intervention | None = None,
    neurons: NeuronMap | None = None,
    window: int = WINDOW,
    stride: int = STRIDE,
    advance: Callable[[int], None] = lambda _: None,
) -> Likelihoods:
    """Predict every token of some texts, each text by itself.

    What the tokenizer puts before a text (BOS, as a rule) is given and the text's first own token is predicted; where
    it puts nothing, the text's first token is given. A text longer than ``window`` tokens is read in windows that
    each move on by at most ``stride``; every token is predicted once, with at least ``window - stride`` tokens before
    it (the first window aside), and every window begins with what texts begin with. A window is never longer than the
    model's context.

    Parameters
    ----------
    intervention : Intervention, optional
        Written to all tokens of every window. Where it depends on the source language, this is the text's, as it is
        identified.
    advance : callable
        Called with the number of tokens predicted after each window; what it raises stops the measuring.

    Returns
    -------
    Likelihoods
        From float32 log-probabilities, summed in float64.

    Raises
    ------
    ModelError
        If the model is no causal language model, or its logits are not its head's.
    SettingError
        If no token can be predicted, or the intervention is written to the last token alone.
    """
    _check(model, intervention)
    with faults.explained("turn text into tokens with", model):
        lists = [model.tokenizer(text, return_attention_mask=False, verbose=False)["input_ids"] for text in texts]
    first = leading(model) or (model.tokenizer.bos_token_id,)
    if not any(len(ids) > len(first) for ids in lists):
        raise SettingError(
            "perplexity of an empty text", "there is no token to predict", "Give a text of at least two words."
        )
    nll, n_tokens = np.zeros(len(lists)), np.zeros(len(lists), dtype=np.int64)
    with model.lock, parallel.frequent_switches(), torch.inference_mode():
        with faults.explained("predict text with", model):
            _check_head(model, lists)
        passing = PassState()
        with hooked(model, {}, intervention, neurons, passing) as untouched:
            for text, ids in enumerate(lists):
                passing.languages = (sources.identified(texts[text], intervention),)
                for part, predicted in _windows(ids, first, min(window, model.context), stride):
                    nll[text] += _nll(model, part, predicted, untouched)
                    n_tokens[text] += predicted
                    advance(predicted)
    return Likelihoods(nll, n_tokens)


def _check(model: LoadedModel, intervention: Intervention | None) -> None:
    """Refuse what has no perplexity, before any work."""
    if not model.generates:
        raise faults.not_causal(f"perplexity under {model.name}")
    if intervention is not None and intervention.tokens == "last" and not intervention.is_identity:
        raise SettingError(
            "perplexity under an intervention at the last token",
            "every token of a text is predicted in one pass, in which only one is the last",
            "Write to all tokens (--written-to all), or to no-bos.",
        )


def _windows(ids: list[int], first: tuple[int | None, ...], window: int, stride: int) -> list[tuple[list[int], int]]:
    """Cut one text into windows that all begin with what is put first: each with how many of its last are predicted."""
    head = ids[: len(first)] if tuple(ids[: len(first)]) == first else []
    stride = max(1, min(stride, window // 2))  # a short context still leaves some tokens before each
    done = max(1, len(head))
    parts: list[tuple[list[int], int]] = []
    while done < len(ids):
        end = min(done + stride if parts else window, len(ids))
        body = ids[max(0, end - window) : end] if end <= window else head + ids[end - window + len(head) : end]
        parts.append((body, min(end - done, len(body) - 1)))
        done = end
    return parts


def _nll(model: LoadedModel, ids: list[int], predicted: int, untouched: set[str]) -> float:
    """Summed negative log-likelihood of a window's last ``predicted`` tokens."""
    tokens = torch.tensor([ids], device=model.device)
    with faults.explained("predict text with", model):
        states = model.base(
            input_ids=tokens, attention_mask=torch.ones_like(tokens), use_cache=False, return_dict=True
        ).last_hidden_state[0]
    if untouched:
        raise unreached(untouched)
    start, total = len(ids) - predicted, 0.0
    for at in range(start, len(ids), _CHUNK):
        wanted = tokens[0, at : at + _CHUNK]
        logits = _logits(model, states[at - 1 : at - 1 + len(wanted)])
        chosen = logits.gather(1, wanted.to(logits.device)[:, None])[:, 0]
        total += float((logits.logsumexp(1) - chosen).double().sum())
    if not math.isfinite(total):
        raise ModelError(
            f"perplexity under {model.name}", "its logits are not finite", "Use a smaller strength, or --dtype float32."
        )
    return total


def _logits(model: LoadedModel, states: torch.Tensor) -> torch.Tensor:
    """What the language-modelling head makes of hidden states ``(n, hidden)``: float32, (n, vocabulary)."""
    lm: Any = model.lm
    head, config = lm.get_output_embeddings(), lm.config.get_text_config()
    weight = next(head.parameters())
    logits: torch.Tensor = head(states.to(weight.device)).float()
    if (scale := getattr(config, "logit_scale", None)) is not None:  # Cohere
        logits = logits * scale
    if (divisor := getattr(config, "logits_scaling", None)) is not None:  # Granite
        logits = logits / divisor
    if (cap := getattr(config, "final_logit_softcapping", None)) is not None:  # Gemma 2
        logits = torch.tanh(logits / cap) * cap
    return logits


def _check_head(model: LoadedModel, lists: Sequence[list[int]]) -> None:
    """Refuse a model whose logits are more than its head's: a wrong perplexity must not go unnoticed."""
    model.check_whole("predict text with")
    lm: Any = model.lm
    ids = torch.tensor([next(row for row in lists if len(row) > 1)[:2]], device=model.device)
    whole = lm(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits[0].float()
    base = model.base(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False, return_dict=True)
    ours = _logits(model, base.last_hidden_state[0]).to(whole.device)
    if not torch.allclose(whole, ours, rtol=0.05, atol=0.05 * float(whole.abs().max())):
        raise ModelError(
            f"perplexity under {model.name}",
            "its logits are not what its language-modelling head makes of the last hidden state",
            "Use another model.",
        )
