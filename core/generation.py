"""Text that a model writes, with and without an intervention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from core.errors import ModelError
from core.hooks import hooked, unreached
from core.interventions import Intervention
from core.models import LoadedModel
from core.neurons import NeuronMap


def generate(
    model: LoadedModel,
    prompt: str,
    *,
    n_samples: int = 1,
    max_tokens: int = 64,
    temperature: float = 1.0,
    top_p: float = 0.9,
    seed: int = 0,
    intervention: Intervention | None = None,
    neurons: NeuronMap | None = None,
    use_cache: bool = True,
    advance: Callable[[int], None] = lambda _: None,
) -> list[str]:
    """Continue a prompt.

    Parameters
    ----------
    prompt : str
        Empty: the model starts from its first token (BOS).
    temperature, top_p : float
        Temperature 0 takes the likeliest token each time.
    intervention : Intervention, optional
        Written to the prompt and to every new token.
    use_cache : bool
        Keep keys and values of what came before. The text is the same without, but for rounding, unless the
        intervention is written to the last token alone: what a cache holds was the last token once.
    advance : callable
        Called with the number of tokens written so far after each; what it raises stops the writing.

    Returns
    -------
    list of str, (n_samples,)
        The continuations, without the prompt and special tokens. The same seed gives the same text.

    Raises
    ------
    ModelError
        If the model does not generate text, or cannot start from an empty prompt.
    """
    lm: Any = model.lm
    if not model.generates:
        raise ModelError(
            f"write text with {model.name}", "it is not a causal language model", "Use a decoder-only model."
        )
    ids = model.tokenizer(prompt, return_tensors="pt")["input_ids"].long()
    if ids.shape[1] == 0:
        first = model.tokenizer.bos_token_id
        if first is None:
            raise ModelError(
                f"write text with {model.name} from nothing", "it has no first token (BOS)", "Give it a prompt."
            )
        ids = torch.tensor([[first]])
    ids = ids.to(model.device).repeat(n_samples, 1)
    sampling: dict[str, Any] = {"do_sample": False}
    if temperature > 0:  # top_k 0: no limit of its own, top_p alone cuts
        sampling = {"do_sample": True, "temperature": temperature, "top_p": top_p, "top_k": 0}
    with (
        model.lock,
        torch.inference_mode(),
        torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []),
        hooked(model, {}, intervention, neurons) as untouched,
    ):
        torch.manual_seed(seed)
        written = lm.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=max_tokens,
            use_cache=use_cache,
            pad_token_id=model.pad_id,
            stopping_criteria=[_Report(ids.shape[1], advance)],
            **sampling,
        )
        if untouched:
            raise unreached(untouched)
    texts: list[str] = model.tokenizer.batch_decode(written[:, ids.shape[1] :], skip_special_tokens=True)
    return texts


class _Report:
    """Tells how far the writing is, from inside it; never ends it."""

    def __init__(self, start: int, advance: Callable[[int], None]) -> None:
        self._start, self._advance = start, advance

    def __call__(self, ids: torch.Tensor, _scores: object, **_: object) -> torch.Tensor:
        self._advance(ids.shape[1] - self._start)
        return torch.zeros(ids.shape[0], dtype=torch.bool, device=ids.device)
