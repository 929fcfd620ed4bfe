"""Interventions: what is written to which neurons, and with what strength.

A method (`core.neurons.methods`) gives a map ``T`` of the neurons' outputs, and a strength ``s`` mixes it in:
``z' = (1 - s) * z + s * T(z)``. At 0 nothing changes, 1 is the map itself, above 1 extrapolates.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from core.choices import Choice, by_name
from core.errors import SettingError
from core.neurons.methods import METHODS, Evidence
from core.neurons.source_maps import SourceEvidence, UnitMap

TOKENS = by_name(
    Choice("all", "all tokens", "at every token"),
    Choice("no-bos", "all but the first (BOS)", "at every token but the tokenizer's first (BOS or CLS)"),
    Choice("last", "the last token", "at a sentence's last token; in generation the prompt's last and every new one"),
)
"""Where an intervention is written."""


@dataclass(frozen=True, eq=False)
class Intervention:
    """A change of the outputs of some neurons: the same for every sentence, or one for each language.

    Attributes
    ----------
    neurons : ndarray of int64, (k,)
        Global indices, all different.
    scale, shift : ndarray of float32, (k,)
        ``z' = scale * z + shift``.
    tokens : {"all", "no-bos", "last"}
        Where it is written: at every token; at all but the tokenizer's first (BOS or CLS); at the last token of what
        passes through at a time (a sentence's last; in generation the prompt's last, then every new one).
    factors : tuple of two ndarray of float32, (k, r) and (r, k), or None
        ``z' = scale * z + shift + first @ (second @ z)``, over the units of one site at a time.
    restores_norm : bool
        Scale the changed units of a site back to the length that they had together.
    sources : mapping of str to Intervention
        By the language of a sentence, what is written to the same neurons in its place; the fields above are then what
        is written where the text says no language.
    """

    neurons: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    tokens: str = "all"
    factors: tuple[np.ndarray, np.ndarray] | None = None
    restores_norm: bool = False
    sources: Mapping[str, Intervention] = field(default_factory=dict)

    def __post_init__(self) -> None:
        k = self.neurons.shape
        if len(k) != 1 or self.scale.shape != k or self.shift.shape != k:
            raise ValueError(f"one scale and one shift a neuron: {k}, {self.scale.shape}, {self.shift.shape}")
        if np.unique(self.neurons).size != self.neurons.size:
            raise ValueError("a neuron is named twice")
        if not all(np.isfinite(array).all() for array in (self.scale, self.shift, *(self.factors or ()))):
            raise ValueError("scale, shift and factors must be finite")
        if self.factors is not None and (
            self.factors[0].T.shape != self.factors[1].shape or len(self.factors[0]) != k[0]
        ):
            raise ValueError(f"factors of {k[0]} neurons: {self.factors[0].shape}, {self.factors[1].shape}")
        if self.tokens not in TOKENS:
            raise ValueError(f"tokens {self.tokens!r}: one of {tuple(TOKENS)}")

    @cached_property
    def is_identity(self) -> bool:
        """Whether it changes nothing, so that the model can be left alone, bit for bit."""
        own = bool((self.scale == 1).all() and (self.shift == 0).all()) and self.factors is None
        return own and all(part.is_identity for part in self.sources.values())

    @property
    def is_affine(self) -> bool:
        """Whether every unit is scaled and shifted by itself, the same in every sentence."""
        return not self.sources and self.factors is None and (not self.restores_norm or self.is_identity)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its content, hexadecimal."""
        sha = hashlib.sha256()
        for array, dtype in ((self.neurons, "<i8"), (self.scale, "<f4"), (self.shift, "<f4")):
            sha.update(np.ascontiguousarray(array, dtype=dtype).tobytes())
        if self.tokens != "all":
            sha.update(self.tokens.encode())
        # Each of the following begins with its name: what has none of them keeps the digest that it always had.
        for number, array in enumerate(self.factors or ()):
            sha.update(f"factor {number} {array.shape}".encode() + np.ascontiguousarray(array, dtype="<f4").tobytes())
        if self.restores_norm:
            sha.update(b"restores norm")
        for language, part in sorted(self.sources.items()):
            sha.update(f"source {language} {part.digest}".encode())
        return sha.hexdigest()

    def of(self, language: str | None) -> Intervention:
        """What is written to sentences of a language; None stands for a text that says none.

        Raises
        ------
        SettingError
            If it depends on the language and has nothing for this one.
        """
        if not self.sources:
            return self
        if language is None:
            return replace(self, sources={})
        if language not in self.sources:
            raise SettingError(
                f"the intervention on a sentence in {language!r}",
                f"it was fitted by source language, on {', '.join(self.sources)}",
                "Leave the language out, or add it to --languages, with a probe corpus that has it.",
            )
        return self.sources[language]

    def moved_to(self, neurons: np.ndarray) -> Intervention:
        """The same written to other neurons ``(k,)``."""
        sources = {language: part.moved_to(neurons) for language, part in self.sources.items()}
        return replace(self, neurons=neurons, sources=sources)


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
    Mean-AcT and Linear-AcT: Rodriguez et al., ICLR 2025. LinEAS: Rodriguez et al., 2025.
    """
    build = METHODS[method].build
    if build is None:
        raise ValueError(f"{method} depends on the language of the sentence: use intervene_by_source")
    # At 0 nothing is looked for: a map that is learned costs minutes.
    factor, offset = build(evidence) if strength else (1.0, 0.0)
    return _mixed(neurons, factor, offset, strength, tokens)


def intervene_by_source(
    method: str, neurons: np.ndarray, evidence: SourceEvidence, strength: float, tokens: str = "all"
) -> Intervention:
    """Build the intervention of a method whose map depends on the language of the sentence, on neurons ``(k,)``.

    Raises
    ------
    SettingError
        If the strength is not a finite number.

    References
    ----------
    DiffMean: Marks and Tegmark, 2024; Wu et al., 2025 (AxBench). ReCoVeR: Sterz et al., 2025. INCLINE: Wang et al.,
    2025. Language arithmetic: of neurons, after Klimaszewski et al., 2024.
    """
    build = METHODS[method].by_source
    if build is None:
        raise ValueError(f"{method} is the same for every language: use intervene")
    maps = {language: build(evidence, language) for language in (None, *evidence.languages)}
    return mixed_by_source(neurons, maps, strength, tokens)


def mixed_by_source(
    neurons: np.ndarray, maps: Mapping[str | None, UnitMap], strength: float, tokens: str = "all"
) -> Intervention:
    """Build the same of maps that are fitted, by source language; None: of a text that says none.

    Raises
    ------
    SettingError
        If the strength is not a finite number.
    """
    built = {
        language: _mixed(neurons, of.factor, of.offset, strength, tokens, of.factors, of.restores_norm)
        for language, of in maps.items()
    }
    return replace(built[None], sources={language: part for language, part in built.items() if language is not None})


def check_strength(strength: float) -> None:
    """Raise `SettingError` unless ``strength`` is a finite number, also in float32."""
    if not (math.isfinite(strength) and abs(strength) <= float(np.finfo(np.float32).max)):
        raise SettingError(
            f"strength {strength}",
            "it is not a finite number in single precision",
            "Use 0 for the unmodified model, 1 to hold the experts at their mean, above 1 to extrapolate.",
        )


def _mixed(
    neurons: np.ndarray,
    factor: np.ndarray | float,
    offset: np.ndarray | float,
    strength: float,
    tokens: str,
    factors: tuple[np.ndarray, np.ndarray] | None = None,
    restores_norm: bool = False,
) -> Intervention:
    check_strength(strength)
    k = len(neurons)
    scale = np.broadcast_to(1.0 + strength * (np.asarray(factor, dtype=np.float64) - 1.0), (k,))
    shift = np.broadcast_to(np.asarray(offset, dtype=np.float32) * np.float32(strength), (k,))
    if factors is not None:
        left, right = (np.asarray(part, dtype=np.float32) for part in factors)
        factors = (left * np.float32(strength), right) if strength else None
    return Intervention(
        neurons=np.asarray(neurons, dtype=np.int64),
        scale=np.ascontiguousarray(scale, dtype=np.float32),
        shift=np.ascontiguousarray(shift, dtype=np.float32),
        tokens=tokens,
        factors=factors,
        restores_norm=restores_norm,
    )
