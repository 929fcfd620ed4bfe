"""Ways to intervene, in one table: what each makes of an output, and what it is built from.

Most methods are affine in the neuron's own output and the same for every sentence. A map ``T(z) = factor * z +
offset`` is computed from the neuron's responses to the target language and to the others. Other methods have a map of
the written units together for each language that a sentence may be in (`core.neurons.source_maps`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.neurons import rank_statistics, source_maps
from core.neurons.source_maps import SourceEvidence, UnitMap

# Damp keeps this much of the output at strength 1.
DAMP = 0.5


@dataclass(frozen=True)
class Learning:
    """How a method that is learned by gradient learns its maps (`core.inference.learned_map`).

    Attributes
    ----------
    sentences : int
        Of other languages, at most.
    steps : int
        Passes forward and back over all of them.
    rate : float
        Of the first step, in standard deviations of a unit's responses; it falls to 0 as half a cosine.
    penalty : float
        Weight of the group lasso: a unit whose gradient is shorter stays as it is.
    """

    sentences: int = 64
    steps: int = 20
    rate: float = 0.2
    penalty: float = 0.2


def _nothing_learned() -> tuple[np.ndarray, np.ndarray]:
    raise ValueError("no map was learned: `core.pipeline.stages.Stages` does")


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
    learned : callable
        Gives factor and offset, ``(k,)``, that were learned by gradient; called only by methods that are learned.
    """

    target_mean: np.ndarray
    rest_mean: np.ndarray
    samples: Callable[[], tuple[np.ndarray, np.ndarray]]
    learned: Callable[[], tuple[np.ndarray, np.ndarray]] = _nothing_learned

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
    build : callable or None
        From the evidence, factor and offset of ``T(z) = factor * z + offset``: numbers, or ``(k,)``.
    by_source : callable or None
        In its place, for a method whose map depends on the language of the sentence: from the evidence and that
        language (None: not known), the map.
    fits : bool
        Whether these maps take seconds to fit, and are kept in the cache.
    samples : bool
        Whether it needs the responses themselves, not only their means.
    value : str
        Of a method that sets neurons to a value: that value in words, ``their {} average``. Other strengths pull to it.
    sets_mean : bool
        Whether that value is the neuron's mean response to the target, which tables of experts show.
    by_values : bool
        Whether it goes by what each expert is to be held at: by ``--held-at``, and the values of a file.
    translations : bool
        Whether it learns from which sentences mean the same.
    against_others : bool
        Whether it needs other languages than the target, to compare with.
    source_experts : bool
        Whether the experts of the other languages are written to as well.
    learned : bool
        Whether it is learned by gradient through the model (`core.inference.learned_map`).
    about : str
        What a user should know before choosing it, such as what it costs.
    """

    name: str
    title: str
    formula: str
    deed: str
    build: Callable[[Evidence], tuple[np.ndarray | float, np.ndarray | float]] | None = None
    samples: bool = False
    value: str = ""
    sets_mean: bool = False
    by_values: bool = False
    by_source: Callable[[SourceEvidence, str | None], UnitMap] | None = None
    fits: bool = False
    source_experts: bool = False
    against_others: bool = False
    translations: bool = False
    learned: bool = False
    about: str = ""

    @property
    def ignores_values(self) -> bool:
        """Whether it sets neurons to a value of its own, so that it cannot hold them at another that is asked for."""
        return bool(self.value) and not self.by_values

    def in_words(self, language: str, strength: float, held: str = "", n: int = 2) -> str:
        """What happens to n experts, in words after "the neurons".

        Parameters
        ----------
        held : str
            What each is to be held at, in words, where that is not its mean on the language.
        """
        held = _of_number(n, held)
        value, deed = (_of_number(n, text).format(language) for text in (self.value, self.deed))
        if held and self.by_values:
            value = value and held
            deed = f"held at {held}" if value else _of_number(n, self.deed).format(held)
        if strength == 1:
            return deed
        if value:
            return f"{'pulled to' if strength > 0 else 'pushed away from'} {value} with strength {strength:g}"
        return f"{deed}, with strength {strength:g}"


def _of_number(n: int, text: str) -> str:
    """What is written of several neurons, as it is said of ``n``."""
    if n != 1:
        return text
    one = text
    for several, single in (
        ("their own languages' averages", "its own language's average"),
        ("the values given", "the value given"),
        ("their {}", "its {}"),
        ("they recognise", "it recognises"),
        ("with their", "with its"),
        ("by maps learned together", "by a map that was learned"),
    ):
        one = one.replace(several, single)
    return one


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
            by_values=True,
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
            against_others=True,
            by_values=True,
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
            against_others=True,
        ),
        # Transport with a slope of 1 is the addition of the means' difference; it bears its own name in the field.
        Method(
            "mean-act",
            "Mean-AcT",
            "(1 - s) z + s (z + mean(target) - mean(others))",
            "shifted by what sets {} apart",
            _shift_of_means,
            against_others=True,
            by_values=True,
        ),
        Method(
            "linear-act",
            "Linear-AcT",
            "(1 - s) z + s (slope z + offset)",
            "mapped from other languages onto {}",
            _linear_act,
            samples=True,
            against_others=True,
        ),
        Method(
            "lineas",
            "LinEAS (learned)",
            "(1 - s) z + s (slope z + offset), learned by gradient",
            "mapped from other languages onto {} by maps learned together",
            lambda evidence: evidence.learned(),
            samples=True,
            against_others=True,
            learned=True,
            about="the maps are learned together, by default in "
            f"{Learning.steps} passes forward and back over up to {Learning.sentences} probe sentences, once for "
            "each set of experts; needs weights that are not packed",
        ),
        Method(
            "diff-mean",
            "DiffMean by source language",
            "z + s (mean(target) - mean(source))",
            "moved from each sentence's own language to {}",
            by_source=source_maps.difference,
        ),
        Method(
            "recover",
            "ReCoVeR (norm restored)",
            "y length(z) / length(y) with y = z + s (mean(target) - mean(source))",
            "moved from each sentence's own language to {}, with their length kept",
            by_source=source_maps.difference_with_norm,
        ),
        Method(
            "incline",
            "INCLINE (least squares)",
            "(1 - s) z + s (mean(target) + W (z - mean(source)))",
            "mapped from each sentence's own language onto {} by a map fitted on translations",
            by_source=source_maps.least_squares,
            fits=True,
            translations=True,
        ),
        Method(
            "arithmetic",
            "Language arithmetic",
            "(1 - s) z + s mean(target) of the target's experts; (1 - s) z + s mean(others) of the source's",
            "held at their {} average, with each sentence's own language switched off",
            by_source=source_maps.arithmetic,
            source_experts=True,
        ),
    )
}
"""Ways to intervene, by name. A method is added here, and nowhere else."""
