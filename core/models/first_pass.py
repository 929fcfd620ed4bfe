"""A tiny pass before the first real one: every module gives what reading its neurons needs, or the model is refused.

Where it can be, the pass is made on the skeleton, before any weight is downloaded. Some models look at values on the
way (which expert a token goes to); those are passed once they are loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn

from core.errors import ModelError, is_fault
from core.models import architectures, pretrained
from core.neurons.neuron_map import NeuronMap

log = logging.getLogger(__name__)

_SENTENCES, _TOKENS = 2, 3


@pretrained.one_at_a_time
def check_skeleton(name: str, base: nn.Module, neurons: NeuronMap) -> bool:
    """Pass two sentences through a model that has shapes but no weights.

    Returns
    -------
    bool
        Whether that could be done; if not, `check` says once the model is loaded.

    Raises
    ------
    ModelError
        If the model does not take a batch of tokens, or a module does not give one row a token.
    """
    # The experts' product has a rule for shapes in bfloat16 alone, complex numbers (Llama 4's positions) in float32.
    fake = [partial(_without_values, dtype=dtype) for dtype in (torch.float32, torch.bfloat16)]
    attempts: list[Callable[[nn.Module], Any]] = [_without_memory, *fake]
    for attempt in attempts:
        try:
            shapes = _shapes(base, neurons, attempt)
        except ValueError as error:
            if attempt is not _without_memory:  # the model's own objection; torch's are of other kinds
                raise _no_pass(name, error) from error
        except Exception as error:
            log.info("%s: no pass without weights (%s: %s)", name, type(error).__name__, error)
        else:
            _check_shapes(name, base, neurons, shapes)
            return True
    return False


def check(name: str, base: nn.Module, neurons: NeuronMap, device: torch.device) -> None:
    """Pass two sentences through a loaded model; errors are those of `check_skeleton`."""

    def attempt(model: nn.Module) -> Any:
        count = architectures.n_ids(model)
        ids = (torch.arange(1, 1 + _SENTENCES * _TOKENS) % count).view(_SENTENCES, _TOKENS).to(device)
        return model(input_ids=ids, attention_mask=torch.ones_like(ids), **_SETTINGS)

    try:
        shapes = _shapes(base, neurons, attempt)
    except BaseException as error:
        if not is_fault(error):
            raise
        log.info("no pass through %s", name, exc_info=True)
        raise _no_pass(name, error) from error
    _check_shapes(name, base, neurons, shapes)


_SETTINGS: dict[str, Any] = {"use_cache": False, "output_hidden_states": True, "return_dict": True}


def _without_memory(base: nn.Module) -> Any:
    """Pass on the meta device, which is fast; what makes a mask from the tokens' values cannot."""
    return base(input_ids=torch.zeros((_SENTENCES, _TOKENS), dtype=torch.long, device="meta"), **_SETTINGS)


def _without_values(base: nn.Module, dtype: torch.dtype) -> Any:
    """Pass with fake tensors, as torch's exporter does: transformers then looks at no value of a mask."""
    # The place that torch's own guide to fake tensors names, and the only one: what is public, `torch.export`, traces
    # the whole model to a graph besides, where one pass is wanted.
    from torch._subclasses.fake_tensor import FakeTensorMode

    tensors = [*base.named_parameters(), *base.named_buffers()]
    faults = logging.getLogger("torch._subclasses.fake_tensor")  # it logs each with its traceback
    level = faults.level
    faults.setLevel(logging.CRITICAL)
    try:
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            fake: dict[str, torch.Tensor] = {
                path: mode.from_tensor(tensor.to(dtype) if tensor.is_floating_point() else tensor)
                for path, tensor in tensors
            }
            ids = torch.zeros((_SENTENCES, _TOKENS), dtype=torch.long, device="meta")
            arguments = {"input_ids": ids, "attention_mask": torch.ones_like(ids), **_SETTINGS}
            return torch.func.functional_call(base, fake, args=(), kwargs=arguments)
    finally:
        faults.setLevel(level)


class _Shapes(NamedTuple):
    """Shape of what every site gives, by path, and of every hidden state; whether the last stands by itself too."""

    sites: dict[str, tuple[int, ...]]
    states: list[tuple[int, ...]]
    has_last: bool


def _shapes(base: nn.Module, neurons: NeuronMap, attempt: Callable[[nn.Module], Any]) -> _Shapes:
    with torch.no_grad(), _seen(base, neurons) as sites:
        output = attempt(base)
    states, last = [*(getattr(output, "hidden_states", None) or ())], getattr(output, "last_hidden_state", None)
    if states and last is not None:
        states[-1] = last  # some models list it before the final norm
    return _Shapes(dict(sites), [tuple(state.shape) for state in states], last is not None)


@contextmanager
def _seen(base: nn.Module, neurons: NeuronMap) -> Iterator[dict[str, tuple[int, ...]]]:
    shapes: dict[str, tuple[int, ...]] = {}

    def note(path: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _arguments: object, output: Any) -> None:
            shapes[path] = tuple((output[0] if isinstance(output, (tuple, list)) else output).shape)

        return hook

    handles = [base.get_submodule(site.path).register_forward_hook(note(site.path)) for site in neurons.sites]
    try:
        yield shapes
    finally:
        for handle in handles:
            handle.remove()


def _check_shapes(name: str, base: nn.Module, neurons: NeuronMap, shapes: _Shapes) -> None:
    count, hidden = neurons.n_layers + 1, int(base.config.get_text_config().hidden_size)  # type: ignore[operator,union-attr]
    if len(shapes.states) != count:
        raise _misfit(name, f"it gives {len(shapes.states)} hidden states, where its {count - 1} layers make {count}")
    for layer, shape in enumerate(shapes.states):
        if shape[:-1] != (_SENTENCES, _TOKENS) or shape[-1] > hidden:
            raise _misfit(name, f"its hidden state at layer {layer} has {_against(shape, hidden)}")
    for site in neurons.sites:
        if site.path not in shapes.sites:
            raise _misfit(name, f"no token passes through {site.path}")
        shape = shapes.sites[site.path]
        if torch.Size(shape[:-1]).numel() != _SENTENCES * _TOKENS or shape[-1] != site.width:
            raise _misfit(name, f"what {site.path} gives has {_against(shape, site.width)}")
    if not shapes.has_last:
        raise _misfit(name, f"a {type(base).__name__} gives scores of tokens, and no last hidden state")


def _against(shape: tuple[int, ...], width: int) -> str:
    return (
        f"the shape {shape} for {_SENTENCES} sentences of {_TOKENS} tokens, where one row of {width} numbers a token "
        "is needed"
    )


def _misfit(name: str, why: str) -> ModelError:
    return ModelError(
        f"read the neurons of {name}",
        why,
        "Use a model with one hidden state a token (Llama, Gemma 3, BLOOM, XLM-R, ...), dense or with its experts in "
        "one module.",
    )


def _no_pass(name: str, error: BaseException) -> ModelError:
    reason = " ".join(str(error).split())[:400] or type(error).__name__
    return ModelError(
        f"pass sentences through {name}",
        f"it does not take them as tokens alone ({reason})",
        "Use a text model that needs nothing beside the tokens.",
    )
