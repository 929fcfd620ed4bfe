"""Interventions: what is written to which neurons, and with what strength.

Every method is affine in the neuron's own output. A map ``T(z) = factor * z + offset`` is computed from the neuron's
responses to the target language and to the others, and a strength ``s`` mixes it in: ``z' = (1 - s) * z + s * T(z)``.
At 0 nothing changes, 1 is the map itself, above 1 extrapolates.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.choices import Choice, by_name
from core.errors import SettingError
from core.neurons import rank_statistics

TOKENS = by_name(
    Choice("all", "all tokens", "at every token"),
    Choice("no-bos", "all but the first (BOS)", "at every token but the tokenizer's first (BOS or CLS)"),
    Choice("last", "the last token", "at a sentence's last token; in generation the prompt's last and every new one"),
)
"""Where an intervention is written."""
# Damp keeps this much of the output at strength 1.
DAMP = 0.5


@dataclass(frozen=True, eq=False)
class Intervention:
    """An affine change of the outputs of some neurons, the same for every sentence.

    Attributes
    ----------
    neurons : ndarray of int64, (k,)
        Global indices, all different.
    scale, shift : ndarray of float32, (k,)
        ``z' = scale * z + shift``.
    tokens : {"all", "no-bos", "last"}
        Where it is written: at every token; at all but the tokenizer's first (BOS or CLS); at the last token of what
        passes through at a time (a sentence's last; in generation the prompt's last, then every new one).
    """

    neurons: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    tokens: str = "all"

    def __post_init__(self) -> None:
        k = self.neurons.shape
        if len(k) != 1 or self.scale.shape != k or self.shift.shape != k:
            raise ValueError(f"one scale and one shift a neuron: {k}, {self.scale.shape}, {self.shift.shape}")
        if np.unique(self.neurons).size != self.neurons.size:
            raise ValueError("a neuron is named twice")
        if not (np.isfinite(self.scale).all() and np.isfinite(self.shift).all()):
            raise ValueError("scale and shift must be finite")
        if self.tokens not in TOKENS:
            raise ValueError(f"tokens {self.tokens!r}: one of {tuple(TOKENS)}")

    @cached_property
    def is_identity(self) -> bool:
        """Whether it changes nothing, so that the model can be left alone, bit for bit."""
        return bool((self.scale == 1).all() and (self.shift == 0).all())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its content, hexadecimal."""
        sha = hashlib.sha256()
        for array, dtype in ((self.neurons, "<i8"), (self.scale, "<f4"), (self.shift, "<f4")):
            sha.update(np.ascontiguousarray(array, dtype=dtype).tobytes())
        if self.tokens != "all":
            sha.update(self.tokens.encode())
        return sha.hexdigest()


@dataclass(frozen=True, eq=False)
class Evidence:
    """How the experts respond to the probe sentences.

    Attributes
    ----------
    target_mean, rest_mean : ndarray, (k,)
        Mean response on the target language, and on all other sentences.
    samples : callable
        Gives the responses themselves, ``(k, n_target)`` and ``(k, n_rest)``, finite; called only by methods that need
        them, since it may have to read many.
    """

    target_mean: np.ndarray
    rest_mean: np.ndarray
    samples: Callable[[], tuple[np.ndarray, np.ndarray]]

    @cached_property
    def target_and_rest(self) -> tuple[np.ndarray, np.ndarray]:
        """The samples in double precision, read once."""
        target, rest = self.samples()
        return target.astype(np.float64), rest.astype(np.float64)


@dataclass(frozen=True)
class Method:
    """One way to intervene, with all that any listing says of it.

    Attributes
    ----------
    name, title : str
        As links, files and the command line write it, and as a list shows it.
    formula : str
        What becomes of an output ``z`` at strength ``s``.
    deed : str
        What happens to the experts at strength 1, in words after "the neurons"; ``{}`` stands for the target language.
    build : callable
        From the evidence, factor and offset of ``T(z) = factor * z + offset``: numbers, or ``(k,)``.
    samples : bool
        Whether it needs the responses themselves, not only their means.
    value : str
        Of a method that sets neurons to a value: that value in words, ``their {} average``. Other strengths pull to it.
    sets_mean : bool
        Whether that value is the neuron's mean response to the target, which tables of experts show.
    """

    name: str
    title: str
    formula: str
    deed: str
    build: Callable[[Evidence], tuple[np.ndarray | float, np.ndarray | float]]
    samples: bool = False
    value: str = ""
    sets_mean: bool = False

    def in_words(self, language: str, strength: float) -> str:
        """What happens to the experts, in words after "the neurons"."""
        if strength == 1:
            return self.deed.format(language)
        if self.value:
            pulled = "pulled to" if strength > 0 else "pushed away from"
            return f"{pulled} {self.value.format(language)} with strength {strength:g}"
        return f"{self.deed.format(language)}, with strength {strength:g}"


def _set_median(evidence: Evidence) -> tuple[float, np.ndarray]:
    return 0.0, np.median(evidence.target_and_rest[0], axis=1)


def _shift_of_means(evidence: Evidence) -> tuple[float, np.ndarray]:
    return 1.0, np.asarray(evidence.target_mean, np.float64) - np.asarray(evidence.rest_mean, np.float64)


def _aura(evidence: Evidence) -> tuple[np.ndarray, float]:
    """Damp a neuron by how well it detects the target: ``1 - 2 (AUROC - 1/2)``; below chance it is not damped."""
    target, rest = evidence.target_and_rest
    labels = np.repeat([0, 1], [rest.shape[1], target.shape[1]])
    scores = rank_statistics.auroc(np.concatenate([rest, target], axis=1).astype(np.float32), labels, 2)[1]
    return np.where(scores > 0.5, 1.0 - 2.0 * (scores - 0.5), 1.0), 0.0


def _linear_act(evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Fit the target's quantiles on the others' by least squares, with as many as the smaller sample has values.

    A neuron that responds the same to all other sentences has no slope: it is shifted by the difference of the means.
    """
    target, rest = evidence.target_and_rest
    n = min(target.shape[1], rest.shape[1])
    quantiles = (np.arange(n) + 0.5) / n
    destination, source = (np.quantile(sample, quantiles, axis=1, method="hazen").T for sample in (target, rest))
    source_mean, destination_mean = source.mean(axis=1), destination.mean(axis=1)
    deviation = source - source_mean[:, None]
    spread = (deviation**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(spread > 0, (deviation * (destination - destination_mean[:, None])).sum(axis=1) / spread, 1.0)
    return slope, np.where(spread > 0, destination_mean - slope * source_mean, _shift_of_means(evidence)[1])


METHODS = {
    method.name: method
    for method in (
        Method(
            "set-mean",
            "Set to mean",
            "(1 - s) z + s mean(target)",
            "held at their {} average",
            lambda evidence: (0.0, evidence.target_mean),
            value="their {} average",
            sets_mean=True,
        ),
        Method(
            "set-median",
            "Set to median",
            "(1 - s) z + s median(target)",
            "held at their {} median",
            _set_median,
            samples=True,
            value="their {} median",
        ),
        Method(
            "additive",
            "Add difference of means",
            "z + s (mean(target) - mean(others))",
            "shifted by what sets {} apart",
            _shift_of_means,
        ),
        Method("zero", "Set to zero (Det-0)", "(1 - s) z", "silenced", lambda _: (0.0, 0.0)),
        Method("damp", "Damp to a half", f"(1 - s) z + s {DAMP} z", "halved", lambda _: (DAMP, 0.0)),
        Method(
            "aura",
            "AurA",
            "(1 - s) z + s (1 - 2 (AUROC - 1/2)) z",
            "damped by how well they recognise {}",
            _aura,
            samples=True,
        ),
        # Transport with a slope of 1 is the addition of the means' difference; it bears its own name in the field.
        Method(
            "mean-act",
            "Mean-AcT",
            "(1 - s) z + s (z + mean(target) - mean(others))",
            "shifted by what sets {} apart",
            _shift_of_means,
        ),
        Method(
            "linear-act",
            "Linear-AcT",
            "(1 - s) z + s (slope z + offset)",
            "mapped from other languages onto {}",
            _linear_act,
            samples=True,
        ),
    )
}
"""Ways to intervene, by name. A method is added here, and nowhere else."""


def intervene(
    method: str, neurons: np.ndarray, evidence: Evidence, strength: float, tokens: str = "all"
) -> Intervention:
    """Build a method's intervention on neurons ``(k,)``.

    Raises
    ------
    SettingError
        If the strength is not a finite number.

    References
    ----------
    Set-mean: Sundar et al., ACL 2025; Suau et al., 2022. Det-0 and AurA: Suau et al., 2024 (Whispering Experts).
    Mean-AcT and Linear-AcT: Rodriguez et al., ICLR 2025.
    """
    return _mixed(neurons, *METHODS[method].build(evidence), strength, tokens)


def check_strength(strength: float) -> None:
    """Raise `SettingError` unless ``strength`` is a finite number, also in float32."""
    if not (math.isfinite(strength) and abs(strength) <= float(np.finfo(np.float32).max)):
        raise SettingError(
            f"strength {strength}",
            "it is not a finite number in single precision",
            "Use 0 for the unmodified model, 1 to hold the experts at their mean, above 1 to extrapolate.",
        )


def _mixed(
    neurons: np.ndarray, factor: np.ndarray | float, offset: np.ndarray | float, strength: float, tokens: str
) -> Intervention:
    check_strength(strength)
    k = len(neurons)
    scale = np.broadcast_to(1.0 + strength * (np.asarray(factor, dtype=np.float64) - 1.0), (k,))
    shift = np.broadcast_to(np.asarray(offset, dtype=np.float32) * np.float32(strength), (k,))
    return Intervention(
        neurons=np.asarray(neurons, dtype=np.int64),
        scale=np.ascontiguousarray(scale, dtype=np.float32),
        shift=np.ascontiguousarray(shift, dtype=np.float32),
        tokens=tokens,
    )
