"""Text that a model writes, with and without an intervention."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from core import parallel
from core.errors import ModelError
from core.inference import chat, faults, sources
from core.inference.hooks import PassState, hooked, unreached
from core.models.loaded_model import LoadedModel
from core.neurons.interventions import Intervention
from core.neurons.neuron_map import NeuronMap


def check_generates(name: str, generates: bool) -> None:
    """Refuse a model that writes no text; raises `ModelError`."""
    if not generates:
        raise faults.not_causal(f"write text with {name}")


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
    as_message: bool = False,
    advance: Callable[[int], None] = lambda _: None,
    on_text: Callable[[list[str]], None] | None = None,
) -> list[str]:
    """Continue a prompt.

    Parameters
    ----------
    prompt : str
        Empty: the model starts from its first token (BOS), the tokenizer's or else the config's.
    temperature, top_p : float
        Temperature 0 takes the likeliest token each time.
    intervention : Intervention, optional
        Written to the prompt and to every new token. Where it depends on the source language, this is the prompt's, as
        it is identified; an empty prompt has none.
    use_cache : bool
        Keep keys and values of what came before. The text is the same without, but for rounding, unless the
        intervention is written to the last token alone: what a cache holds was the last token once.
    as_message : bool
        Put the prompt to the model as a user's message in its chat template; the continuation is its answer.
    advance : callable
        Called with the number of tokens written so far after each; what it raises stops the writing.
    on_text : callable, optional
        Called after each token with all texts so far; the last call's are those returned.

    Returns
    -------
    list of str, (n_samples,)
        The continuations, without the prompt and special tokens. The same seed gives the same text. What the model's
        own files say of generation (a repetition penalty, tokens that are never written) is left aside.

    Raises
    ------
    ModelError
        If the model does not generate text, cannot start from an empty prompt, or has no chat template.
    """
    model.check_whole("continue text with")
    check_generates(model.name, model.generates)
    ids = _prompt_ids(model, prompt, as_message).repeat(n_samples, 1)
    start, passing, ends, pad_id = ids.shape[1], PassState(), _ends(model.lm), _padding(model)
    passing.languages = (sources.identified(prompt, intervention),)
    if not prompt and not as_message:
        passing.first = (int(ids[0, 0]),)  # a BOS also where the config alone names it

    def decoded(everything: torch.Tensor) -> list[str]:
        rows: Any = everything[:, start:]
        if pad_id is None:
            rows = [_until_end(row, ends) for row in rows.tolist()]
        texts: list[str] = model.tokenizer.batch_decode(rows, skip_special_tokens=True)
        return texts

    def report(everything: torch.Tensor) -> None:
        advance(everything.shape[1] - start)
        if on_text is not None:
            on_text(decoded(everything))

    with (
        model.lock,
        parallel.frequent_switches(),
        torch.inference_mode(),
        torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []),
        hooked(model, {}, intervention, neurons, passing) as untouched,
    ):
        torch.manual_seed(seed)
        settings = {"max_new_tokens": max_tokens, "use_cache": use_cache, **_sampling(temperature, top_p)}
        settings["pad_token_id"] = next(iter(ends), model.pad_id) if pad_id is None else pad_id
        continued = _continued(model, ids, _Report(report), settings)
        if untouched:
            raise unreached(untouched)
    return decoded(continued)


def _continued(model: LoadedModel, ids: torch.Tensor, reporter: _Report, settings: dict[str, Any]) -> torch.Tensor:
    """The prompt's tokens and what the model makes of them, (n_samples, n); what the reporter raises is not hidden."""
    lm: Any = model.lm
    try:
        with faults.explained("write text with", model), _no_settings_of_its_own(lm):
            continued: torch.Tensor = lm.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                stopping_criteria=[reporter],
                **settings,
            )
    except ModelError as error:
        if reporter.raised is not None and error.__cause__ is reporter.raised:
            raise reporter.raised from None  # the caller's, not the model's
        raise
    return continued


def _prompt_ids(model: LoadedModel, prompt: str, as_message: bool) -> torch.Tensor:
    """The prompt's tokens on the model's device, (1, n); an empty prompt is the first token (BOS)."""
    text = chat.template(model, answer=True).around(prompt) if as_message else prompt
    with faults.explained("turn text into tokens with", model):
        encoded = model.tokenizer(text, return_tensors="pt", add_special_tokens=not as_message)
    ids: torch.Tensor = encoded["input_ids"].long()
    if ids.shape[1] == 0:
        first = model.tokenizer.bos_token_id
        if first is None:  # Qwen's base models name it in their config alone
            config: Any = model.base.config
            first = getattr(config.get_text_config(), "bos_token_id", None)
        if first is None:
            raise ModelError(
                f"write text with {model.name} from nothing", "it has no first token (BOS)", "Give it a prompt."
            )
        ids = torch.tensor([[first]])
    return ids.to(model.device)


def _ends(lm: Any) -> tuple[int, ...]:
    """The tokens that end a text."""
    ids = lm.generation_config.eos_token_id
    return (ids,) if isinstance(ids, int) else tuple(ids or ())


def _padding(model: LoadedModel) -> int | None:
    """What the tokenizer fills a text with that ended before others; None where it has nothing that the model takes."""
    pad_id: int | None = model.tokenizer.pad_token_id
    return pad_id if pad_id is not None and pad_id < model.n_ids else None


def _until_end(row: list[int], ends: Sequence[int]) -> list[int]:
    """A text's tokens up to the first that ends it."""
    return row[: next((place for place, token in enumerate(row, start=1) if token in ends), len(row))]


@contextmanager
def _no_settings_of_its_own(lm: Any) -> Iterator[None]:
    """Leave of a model's own settings for generation the tokens that begin and end a text; `generate` states the rest.

    A setting that a call does not state is the model's, so that leaving it out of the call is not enough.
    """
    from transformers import GenerationConfig

    own = lm.generation_config
    lm.generation_config = GenerationConfig(bos_token_id=own.bos_token_id, eos_token_id=own.eos_token_id)
    try:
        yield
    finally:
        lm.generation_config = own


def _sampling(temperature: float, top_p: float) -> dict[str, Any]:
    """How transformers draws a token: without the model's own limits, so that `Nucleus` alone cuts."""
    if temperature <= 0:
        return {"do_sample": False}
    settings: dict[str, Any] = {"do_sample": True, "temperature": temperature, "top_p": 1.0, "top_k": 0}
    if top_p < 1:
        settings["logits_processor"] = [Nucleus(top_p, temperature)]
    return settings


class Nucleus:
    """Keeps, of each row of logits, the likeliest tokens that together have a probability of ``top_p``.

    The same tokens as by sorting the vocabulary, which costs more than the whole model where that has hundreds of
    thousands of words: the few likeliest are taken first, and all are sorted only where these do not suffice.

    Parameters
    ----------
    temperature : float
        By which the logits will be divided when a token is drawn.
    """

    _FIRST = 2048

    def __init__(self, top_p: float, temperature: float = 1.0) -> None:
        self._top_p, self._temperature = top_p, temperature

    def __call__(self, _ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Logits, (n, vocabulary), with minus infinity for the tokens that are not kept."""
        scaled = scores.float() / self._temperature
        whole = scaled.logsumexp(dim=-1, keepdim=True)
        width = scores.shape[-1]
        for most in (min(self._FIRST, width), min(16 * self._FIRST, width), width):
            likeliest, places = scaled.topk(most, dim=-1)
            share = (likeliest - whole).exp()
            before = share.cumsum(dim=-1) - share
            if most == width or bool((before[:, -1] >= self._top_p).all()):
                break
        dropped = before >= self._top_p
        dropped[:, 0] = False  # the likeliest is always kept
        kept = torch.full_like(scores, -torch.inf)
        return kept.scatter(-1, places, scores.gather(-1, places).masked_fill(dropped, -torch.inf))


class _Report:
    """Tells how far the writing is, from inside it; never ends it."""

    def __init__(self, report: Callable[[torch.Tensor], None]) -> None:
        self._report = report
        self.raised: Exception | None = None

    def __call__(self, ids: torch.Tensor, _scores: object, **_: object) -> torch.Tensor:
        try:
            self._report(ids)
        except Exception as error:
            self.raised = error
            raise
        return torch.zeros(ids.shape[0], dtype=torch.bool, device=ids.device)
