"""Reading and writing what a model's modules return.

Two symmetric primitives, read and write, owned by one context manager (`hooked`): hooks are attached, used and removed
under the model's lock, and an exception leaves the model as it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import takewhile

import numpy as np
import torch
from torch import nn

from core.errors import ModelError
from core.inference.language_codes import codes_of, is_coded
from core.models.loaded_model import LoadedModel
from core.neurons.interventions import Intervention
from core.neurons.neuron_map import NeuronMap


@contextmanager
def hooked(
    model: LoadedModel,
    reads: dict[str, Callable[[torch.Tensor], None]],
    intervention: Intervention | None,
    neurons: NeuronMap | None = None,
    passing: PassState | None = None,
) -> Iterator[set[str]]:
    """Attach reads (by site path) and an intervention to the model's modules; remove them whatever happens.

    Writes come before reads at the same module. The caller holds the model's lock. ``neurons`` is what the
    intervention's indices count through; the model's MLP neurons where it is not given. Where the intervention depends
    on the language of a sentence, the caller says in ``passing.languages``, before each pass, which these are.

    Yields
    ------
    set of str
        Paths with a hook that no pass has come to yet: a read or write that never happens must not go unnoticed.
    """
    model.check_whole("pass text through")
    handles: list[torch.utils.hooks.RemovableHandle] = []
    untouched: set[str] = set()
    try:
        if intervention is not None and not intervention.is_identity:
            passing = passing or PassState()
            if intervention.tokens != "all" or not intervention.is_affine:
                first = first_tokens(model) if intervention.tokens == "no-bos" else ()
                note = partial(note_tokens, passing, intervention.tokens, first)
                handles.append(model.base.register_forward_pre_hook(note, with_kwargs=True))
            for site, units, positions in (neurons or model.neurons).by_site(intervention.neurons):
                write = _writer_of(site.path, units, positions, intervention, passing)
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


class PassState(threading.local):
    """What a thread passes at this moment.

    Attributes
    ----------
    languages : tuple of (str or None)
        Of each row, None where it is not known; one alone is that of all rows. The caller sets it.
    first : tuple of int
        Tokens that the text begins with beside what the tokenizer puts there. The caller sets it.
    shape : tuple of int
        Rows and width of the pass.
    written : tensor of bool, (n, width), or None
        Which tokens are written to; None: all.
    """

    languages: tuple[str | None, ...] = (None,)
    first: tuple[int, ...] = ()
    shape: tuple[int, int] = (0, 0)
    written: torch.Tensor | None = None


def first_tokens(model: LoadedModel) -> tuple[int, ...]:
    """The tokens with which sentences begin, as far as the tokenizer puts them there.

    Beside its BOS (or CLS) these are what it does put there: XGLM the token that ends a text, NLLB a language's code.
    """
    named = (getattr(model.tokenizer, name, None) for name in ("bos_token_id", "cls_token_id"))
    first = [token for token in named if token is not None][:1]
    put = leading(model)
    if put and is_coded(model.tokenizer):
        codes = model.tokenizer.convert_tokens_to_ids(list(codes_of(model.tokenizer)))
        put = (*put, *(codes if set(codes) & set(put) else ()))  # of any language, not of the one that is set
    return tuple(dict.fromkeys((*first, *put)))


def leading(model: LoadedModel) -> tuple[int, ...]:
    """The special tokens that the tokenizer puts before a sentence, in order; none where it puts none."""
    encoded = model.tokenizer("a", return_special_tokens_mask=True, return_attention_mask=False)
    pairs = zip(encoded["input_ids"], encoded["special_tokens_mask"], strict=True)
    return tuple(int(token) for token, _ in takewhile(lambda pair: pair[1], pairs))


def note_tokens(
    passing: PassState,
    tokens: str,
    first: tuple[int, ...],
    _module: nn.Module,
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> None:
    """Find out, before the model runs, which tokens of this call are written to."""
    ids = kwargs.get("input_ids", args[0] if args else None)
    if not isinstance(ids, torch.Tensor):
        raise ModelError(f"write to {tokens} tokens", "the model was called without token ids", "Write to all tokens.")
    passing.shape = (ids.shape[0], ids.shape[1])
    if tokens == "all":
        return
    if tokens == "no-bos":
        unwritten = torch.tensor((*first, *passing.first), dtype=ids.dtype, device=ids.device)
        passing.written = ~torch.isin(ids, unwritten)
        return
    mask = kwargs.get("attention_mask")
    width = ids.shape[1]  # with a cache the mask also covers what came before
    there = (
        mask[:, -width:].bool() if isinstance(mask, torch.Tensor) and mask.dim() == 2 else torch.ones_like(ids).bool()
    )
    last = width - 1 - there.flip(1).int().argmax(1)
    passing.written = torch.arange(width, device=ids.device) == last[:, None]


def _writer(
    path: str, units: np.ndarray, scale: np.ndarray, shift: np.ndarray, passing: PassState
) -> Callable[..., None]:
    """A hook that rewrites ``units`` of a module's output in place: ``scale * z + shift``, computed in float32."""
    constant = bool((scale == 0).all())
    held: dict[torch.device, tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = {}

    def write(module: nn.Module, _args: object, output: object) -> None:
        tensor = output_tensor(path, module, output)
        if tensor.device not in held:  # a sharded model has its modules on several devices
            held[tensor.device] = (
                torch.as_tensor(units, device=tensor.device),
                torch.as_tensor(scale, device=tensor.device),
                torch.as_tensor(shift, device=tensor.device),
            )
        index, a, b = held[tensor.device]
        new = b.expand(*tensor.shape[:-1], -1) if constant else tensor[..., index].float() * a + b
        new = new.to(tensor.dtype)
        if passing.written is not None:
            here = passing.written.to(tensor.device).reshape(*tensor.shape[:-1], 1)
            new = torch.where(here, new, tensor[..., index])
        tensor[..., index] = new

    return write


def _writer_of(
    path: str, units: np.ndarray, positions: np.ndarray, intervention: Intervention, passing: PassState
) -> Callable[..., None]:
    """A hook that writes the part of an intervention at ``positions`` to ``units`` of a module's output."""
    if intervention.is_affine:
        return _writer(path, units, intervention.scale[positions], intervention.shift[positions], passing)
    parts: dict[str | None, _Change] = {
        language: _Change(part, positions) for language, part in intervention.sources.items() if not part.is_identity
    }
    if not intervention.sources or not intervention.of(None).is_identity:
        parts[None] = _Change(intervention, positions)
    if not intervention.sources:
        return _writer_by_source(path, units, parts, lambda: (None,), passing)

    def languages() -> tuple[str | None, ...]:
        for language in set(passing.languages) - {None}:
            intervention.of(language)  # refuses a language that it has nothing for
        return passing.languages

    return _writer_by_source(path, units, parts, languages, passing)


class _Change:
    """A map of one site's units, computed in float32."""

    def __init__(self, intervention: Intervention, positions: np.ndarray) -> None:
        left, right = intervention.factors or (None, None)
        arrays = (
            intervention.scale[positions],
            intervention.shift[positions],
            None if left is None else left[positions].T,
            None if right is None else right[:, positions].T,
        )
        self._arrays = [None if array is None else torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]
        self._held: dict[torch.device, list[torch.Tensor | None]] = {}
        self._restores_norm = intervention.restores_norm

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        """What becomes of outputs (n_tokens, n_units) of float32."""
        if z.device not in self._held:
            self._held[z.device] = [None if array is None else array.to(z.device) for array in self._arrays]
        scale, shift, left, right = self._held[z.device]
        assert scale is not None
        assert shift is not None
        new = z * scale + shift
        if left is not None and right is not None:
            new = new + (z @ right) @ left
        if self._restores_norm:
            length = torch.linalg.vector_norm(new, dim=-1, keepdim=True)
            kept = torch.linalg.vector_norm(z, dim=-1, keepdim=True) / length
            new = torch.where(length > 0, new * kept, z)
        return new


def _writer_by_source(
    path: str,
    units: np.ndarray,
    parts: Mapping[str | None, _Change],
    languages: Callable[[], tuple[str | None, ...]],
    passing: PassState,
) -> Callable[..., None]:
    """A hook that rewrites ``units`` of a module's output in place, each row by the map of its language.

    Rows of a language that ``parts`` does not have are left as they are, bit for bit.
    """
    held: dict[torch.device, torch.Tensor] = {}

    def write(module: nn.Module, _args: object, output: object) -> None:
        tensor = output_tensor(path, module, output)
        if tensor.device not in held:
            held[tensor.device] = torch.as_tensor(units, device=tensor.device)
        index = held[tensor.device]
        old = tensor[..., index]
        flat = old.reshape(-1, old.shape[-1]).clone()
        rows = languages()
        for language, change in parts.items():
            if language not in rows:
                continue
            here = _tokens_of(language, rows, passing).to(tensor.device)
            flat[here] = change(flat[here].float()).to(tensor.dtype)
        tensor[..., index] = flat.reshape(old.shape)

    return write


def _tokens_of(language: str | None, rows: tuple[str | None, ...], passing: PassState) -> torch.Tensor:
    """Which tokens of a pass are in rows of a language and written to: bool, (n * width,)."""
    n, width = passing.shape
    chosen = torch.tensor([row == language for row in (rows * n if len(rows) == 1 else rows)])
    if len(chosen) != n:
        raise ValueError(f"{len(chosen)} languages for {n} rows")
    here = chosen[:, None].expand(n, width)
    if passing.written is not None:
        here = here & passing.written.cpu()
    return here.reshape(-1)


def _reading(path: str, read: Callable[[torch.Tensor], None]) -> Callable[..., None]:
    def hook(module: nn.Module, _args: object, output: object) -> None:
        read(output_tensor(path, module, output))

    return hook


def _noting(path: str, untouched: set[str]) -> Callable[..., None]:
    def hook(_module: nn.Module, _args: object, _output: object) -> None:
        untouched.discard(path)

    return hook


def unreached(paths: set[str]) -> ModelError:
    """The refusal of modules that the model does not call."""
    others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return ModelError(
        f"reach the neurons of {min(paths)}{others}",
        "the model computes without calling that module",
        "Use a model whose blocks call each of their MLP maps (for BLOOM: slow_but_exact off).",
    )


def output_tensor(path: str, module: nn.Module, output: object) -> torch.Tensor:
    """What a module gives: a tensor, or the first of a tuple where the module is a block and no single map."""
    if isinstance(output, (tuple, list)) and output and next(module.children(), None) is not None:
        output = output[0]
    if not isinstance(output, torch.Tensor):
        raise ModelError(
            f"reach the neurons of {path}",
            f"it returns a {type(output).__name__}, not a tensor",
            "Use a model whose maps return plain tensors.",
        )
    return output
