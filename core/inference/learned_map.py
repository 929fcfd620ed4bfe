"""Affine maps of units that are learned together, by gradient through the model (LinEAS).

Every unit has ``T(z) = centre + exp(a) * (z - centre) + b * spread``, written at tokens as an intervention is; ``a``
and ``b`` start at 0, where nothing changes, and no map reverses an order. They are fitted so that the units' responses
to sentences of other languages get the distribution of those to the target's: what one unit's map does to the units
behind it counts. No sentence needs a translation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from core import parallel
from core.errors import ModelError
from core.inference import faults
from core.inference.batching import Batch, TokenisedSentences, padded, plan_batches
from core.inference.hooks import PassState, first_tokens, note_tokens, output_tensor, unreached
from core.models.loaded_model import LoadedModel
from core.neurons.methods import Learning
from core.neurons.neuron_map import NeuronMap, Site

_TOKENS_A_BATCH = 512
# Of sentences whose activations are all held from the pass forth to the pass back; more are passed forth twice.
_TOKENS_HELD = 2048
_DECAYS = (0.9, 0.95)  # of the running mean of gradients, and of their squares


@dataclass(frozen=True, eq=False)
class LearnedMaps:
    """Maps ``T(z) = factor * z + offset``, and how near they bring the distributions.

    Attributes
    ----------
    factor, offset : ndarray of float64, (k,)
        1 and 0 exactly where a unit is left as it is.
    before, after : float
        Mean over the units of the squared Wasserstein distance to the target's responses, in variances of the unit,
        without the maps and with them.
    """

    factor: np.ndarray
    offset: np.ndarray
    before: float
    after: float


def passes(n_tokens: int, learning: Learning) -> int:
    """Tokens of all passes together, forward and back, as `learn` tells its ``advance``."""
    return (2 + learning.steps * (2 if n_tokens <= _TOKENS_HELD else 3)) * n_tokens


def distance(values: np.ndarray, quantiles: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measure how far each unit's responses are from the target's: the squared 2-Wasserstein distance in one dimension.

    Parameters
    ----------
    values : ndarray of float, (n, k)
        Responses of k units to n sentences.
    quantiles : ndarray of float, (n, k)
        Of the target's responses, rising.
    spread : ndarray of float, (k,)
        What a unit's distances are measured in.

    Returns
    -------
    ndarray of float64, (k,) and (n, k)
        The distances, and their derivatives by the values.
    """
    order = np.argsort(values, axis=0, kind="stable")
    apart = (np.take_along_axis(values, order, 0).astype(np.float64) - quantiles) / spread
    slopes = np.empty_like(apart)
    np.put_along_axis(slopes, order, 2 * apart / spread / len(values), 0)
    return (apart**2).mean(axis=0), slopes


def refuse_packed(model: LoadedModel) -> None:
    """Refuse a model through whose weights no gradient passes; raises `ModelError`."""
    model.check_whole("learn an intervention on")
    if getattr(model.base.config, "quantization_config", None) is not None or getattr(model.lm, "is_quantized", False):
        raise ModelError(
            f"learn an intervention on {model.name}",
            "its weights are packed, and what packs them is not made for gradients",
            "Use the model's unpacked weights (--dtype bfloat16), or a method that is not learned: linear-act.",
        )


def learn(
    model: LoadedModel,
    tokens: TokenisedSentences,
    neurons: np.ndarray,
    target: np.ndarray,
    *,
    units: NeuronMap | None = None,
    pooling: str = "mean",
    written_to: str = "all",
    learning: Learning | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> LearnedMaps:
    """Learn one map for each neuron, all together.

    Parameters
    ----------
    tokens : TokenisedSentences
        Sentences of other languages.
    neurons : ndarray of int64, (k,)
    target : ndarray of float, (k, n_target)
        Their responses to sentences of the target, unmodified.
    units : NeuronMap, optional
        What the neurons count through; the model's MLP neurons unless given.
    pooling, written_to : str
        As for responses, and as the tokens of an `Intervention`.
    advance : callable
        Called with the number of tokens of each batch that is passed forth or back; what it raises stops the work.

    Raises
    ------
    ModelError
        If the weights are packed, a gradient is not finite, or a module cannot be reached.

    References
    ----------
    Rodriguez et al., LinEAS: End-to-end Learning of Activation Steering with a Distributional Loss, 2025: the loss, the
    maps and the sparsity. The group of the lasso is a unit's map here, and steps are Adam's with one length for the
    group, for which the proximal step of the lasso is exact (Yun et al., 2021).
    """
    refuse_packed(model)
    learning = learning or Learning()
    if not len(neurons):
        return LearnedMaps(np.ones(0), np.zeros(0), 0.0, 0.0)
    gradients = _GradientPass(model, tokens, neurons, units or model.neurons, pooling, written_to, advance)
    loss = _DistributionLoss(gradients, len(neurons), len(tokens.ids), target)
    point, before, after = _descend(len(neurons), loss.gradient, loss.value, learning)
    return LearnedMaps(*loss.maps(point), before / len(neurons), after / len(neurons))


class _DistributionLoss:
    """How far the responses are from the target's under the maps that a point (k, 2) stands for.

    A map's first number is the logarithm of its factor; its second shifts the unit's mean, in units of its spread.
    """

    def __init__(self, gradients: _GradientPass, k: int, n: int, target: np.ndarray) -> None:
        self._passes = gradients
        at = (np.arange(n) + 0.5) / n
        self._quantiles = np.quantile(np.asarray(target, np.float64), at, axis=1, method="hazen")
        plain = gradients.responses(np.ones(k), np.zeros(k))
        self._centre, spread = plain.mean(axis=0), np.concatenate([plain, self._quantiles]).std(axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)

    def maps(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Factors and offsets, (k,) each."""
        factor = np.exp(point[:, 0])
        return factor, self._spread * point[:, 1] + (1 - factor) * self._centre

    def value(self, point: np.ndarray) -> float:
        """The summed `distance`."""
        return float(self._distances(self._passes.responses(*self.maps(point)))[0].sum())

    def gradient(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """The value, and its slopes (k, 2)."""
        values, (by_factor, by_offset) = self._passes.differentiated(
            *self.maps(point), lambda values: self._distances(values)[1]
        )
        by_scale = np.exp(point[:, 0]) * (by_factor - self._centre * by_offset)
        slopes = np.stack([by_scale, self._spread * by_offset], axis=1)
        return float(self._distances(values)[0].sum()), slopes

    def _distances(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return distance(values, self._quantiles, self._spread)


def _descend(
    k: int,
    gradient: Callable[[np.ndarray], tuple[float, np.ndarray]],
    loss: Callable[[np.ndarray], float],
    learning: Learning,
) -> tuple[np.ndarray, float, float]:
    """Lower a loss plus the group lasso from zero, (k, 2): the best point, and the loss at zero and there."""
    point, mean, square = np.zeros((k, 2)), np.zeros((k, 2)), np.zeros(k)
    best, least, at_best, at_zero = point, math.inf, math.inf, math.nan
    for step in range(learning.steps + 1):
        last = step == learning.steps
        value, slope = (loss(point), np.zeros((k, 2))) if last else gradient(point)
        objective = value + learning.penalty * float(np.linalg.norm(point, axis=1).sum())
        if step == 0:
            at_zero = value
        if objective < least:
            best, least, at_best = point, objective, value
        if last:
            break
        mean = _DECAYS[0] * mean + (1 - _DECAYS[0]) * slope
        square = _DECAYS[1] * square + (1 - _DECAYS[1]) * (slope**2).sum(axis=1)
        length = np.sqrt(square / (1 - _DECAYS[1] ** (step + 1))) + 1e-12
        rate = learning.rate * (1 + math.cos(math.pi * step / learning.steps)) / 2 / length
        moved = point - rate[:, None] * mean / (1 - _DECAYS[0] ** (step + 1))
        norm = np.linalg.norm(moved, axis=1)
        kept = np.maximum(0.0, 1 - rate * learning.penalty / np.maximum(norm, 1e-300))
        point = moved * kept[:, None]
    return best, at_zero, at_best


class _GradientPass:
    """Passes sentences forth with maps written to units, and back to the maps' parameters."""

    def __init__(
        self,
        model: LoadedModel,
        tokens: TokenisedSentences,
        neurons: np.ndarray,
        units: NeuronMap,
        pooling: str,
        written_to: str,
        advance: Callable[[int], None],
    ) -> None:
        self._model, self._pooling, self._written_to, self._advance = model, pooling, written_to, advance
        self._sites = list(units.by_site(neurons))
        self._k, self._n = len(neurons), len(tokens.ids)
        lengths = [len(ids) for ids in tokens.ids]
        self._batches = [padded(tokens, rows, model) for rows in plan_batches(lengths, _TOKENS_A_BATCH)]
        self._holds_all = tokens.n_tokens <= _TOKENS_HELD

    def responses(self, factor: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """Responses under the maps: float64, (n, k)."""
        maps = self._tensors(factor, offset)
        values = np.empty((self._n, self._k))
        with self._ready(), torch.no_grad():
            for batch in self._batches:
                values[batch.rows] = self._forth(batch, maps).cpu().numpy()
        return values

    def differentiated(
        self, factor: np.ndarray, offset: np.ndarray, slopes_of: Callable[[np.ndarray], np.ndarray]
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Responses under the maps, and the derivatives by factor and offset of what has these slopes by responses."""
        maps = self._tensors(factor, offset)
        for each in maps:
            each.requires_grad_()
        values = np.empty((self._n, self._k))
        with self._ready():
            with torch.set_grad_enabled(self._holds_all):
                parts = [self._forth(batch, maps) for batch in self._batches]
            for batch, part in zip(self._batches, parts, strict=True):
                values[batch.rows] = part.detach().cpu().numpy()
            slopes = slopes_of(values)
            with torch.enable_grad():
                for batch, part in zip(self._batches, parts, strict=True):
                    passed = part if self._holds_all else self._forth(batch, maps)
                    with faults.explained("pass gradients back through", self._model):
                        passed.backward(torch.as_tensor(slopes[batch.rows], dtype=passed.dtype, device=passed.device))
                    self._advance(batch.n_tokens)
        found = [
            np.full(self._k, np.nan) if each.grad is None else np.asarray(each.grad.double().cpu().numpy())
            for each in maps
        ]
        if not all(np.isfinite(each).all() for each in found):
            raise ModelError(
                f"learn an intervention on {self._model.name}",
                "a gradient is not finite, or does not come back",
                "Use --dtype float32, or a method that is not learned: linear-act.",
            )
        return values, (found[0], found[1])

    def _tensors(self, factor: np.ndarray, offset: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        of = {"dtype": torch.float32, "device": self._model.device}
        return torch.tensor(factor, **of), torch.tensor(offset, **of)  # type: ignore[arg-type]

    @contextmanager
    def _ready(self) -> Iterator[None]:
        """Hold the model, which is shared, and on a GPU keep to attention whose gradients are the same every time."""
        exact = sdpa_kernel(SDPBackend.MATH) if self._model.device.type == "cuda" else nullcontext()
        with self._model.lock, parallel.frequent_switches(), exact:
            yield

    def _forth(self, batch: Batch, maps: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Responses to a batch's sentences under the maps: float32, (n, k), on the model's device."""
        responses: dict[str, torch.Tensor] = {}
        model = self._model
        with (
            self._attached(batch, maps, responses),
            faults.explained("pass sentences through", model),
        ):
            model.base(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False, return_dict=True)
        if missing := {site.path for site, _, _ in self._sites} - responses.keys():
            raise unreached(missing)
        self._advance(batch.n_tokens)
        pooled = torch.cat([responses[site.path].to(model.device) for site, _, _ in self._sites], dim=1)
        places = np.argsort(np.concatenate([positions for _, _, positions in self._sites]))
        return pooled.index_select(1, torch.from_numpy(places).to(model.device))

    @contextmanager
    def _attached(
        self, batch: Batch, maps: tuple[torch.Tensor, torch.Tensor], responses: dict[str, torch.Tensor]
    ) -> Iterator[None]:
        """Attach hooks that write the maps and pool what they give; remove them whatever happens."""
        base, passing = self._model.base, PassState()
        handles: list[torch.utils.hooks.RemovableHandle] = []
        try:
            if self._written_to != "all":
                first = first_tokens(self._model) if self._written_to == "no-bos" else ()

                def note(module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
                    note_tokens(passing, self._written_to, first, module, args, kwargs)

                handles.append(base.register_forward_pre_hook(note, with_kwargs=True))
            for site, units, positions in self._sites:
                write = self._writer(site, units, positions, batch, maps, passing, responses)
                handles.append(base.get_submodule(site.path).register_forward_hook(write))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _writer(
        self,
        site: Site,
        units: np.ndarray,
        positions: np.ndarray,
        batch: Batch,
        maps: Sequence[torch.Tensor],
        passing: PassState,
        responses: dict[str, torch.Tensor],
    ) -> Callable[..., object]:
        """A hook that gives a module's output with some units mapped; not in place, which gradients forbid."""

        def write(module: nn.Module, _args: object, output: object) -> object:
            tensor = output_tensor(site.path, module, output)
            index, places = (torch.from_numpy(each).to(tensor.device) for each in (units, positions))
            factor, offset = (each.to(tensor.device).index_select(0, places) for each in maps)
            z = tensor.index_select(-1, index)
            new = (z.float() * factor + offset).to(tensor.dtype)
            if passing.written is not None:
                new = torch.where(passing.written.to(tensor.device).reshape(*tensor.shape[:-1], 1), new, z)
            weights = batch.weights.to(tensor.device)
            responses[site.path] = _pooled(new.reshape(*weights.shape, -1).float(), weights, self._pooling)
            changed = tensor.index_copy(-1, index, new)
            return (changed, *output[1:]) if isinstance(output, tuple) else changed

        return write


def _pooled(outputs: torch.Tensor, weights: torch.Tensor, pooling: str) -> torch.Tensor:
    """Responses from outputs (n, width, m) over the counted tokens: (n, m)."""
    if pooling == "max":
        return outputs.masked_fill(~(weights > 0)[..., None], -torch.inf).amax(1)
    return torch.einsum("bt,btm->bm", weights, torch.where(weights[..., None] > 0, outputs, 0.0))
