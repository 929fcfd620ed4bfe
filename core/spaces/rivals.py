"""What is free: linear maps of embeddings, fitted on probe rows, that an intervention must beat to be worth its cost.

`RIVALS` lists them all, each with what it needs when it is fitted and when it is applied. To add one, add it here: the
command line, the JSON of a result and the dashboard read the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import SettingError
from core.spaces import linear_maps

NOTHING = "nothing"
LABELS = "language labels"
TRANSLATIONS = "{n} translations"
LANGUAGE = "the sentence's language"
TOGETHER = f"{LANGUAGE}, and all sentences at once"

Apply = Callable[[np.ndarray, str], np.ndarray]
"""From rows, (n, dim), and their language to rows of the same shape."""


@dataclass(frozen=True)
class FittedRival:
    """A rival that has been fitted.

    Attributes
    ----------
    name : str
        Of the rival.
    apply : callable
        The map of one language's rows.
    languages : tuple of str or None
        Those that it can be applied to; None for any language, whether it was among the probe rows or not.
    """

    name: str
    apply: Apply
    languages: tuple[str, ...] | None = None

    def covers(self, language: str) -> bool:
        """Whether it can be applied to a language."""
        return self.languages is None or language in self.languages

    def transform(self, rows: np.ndarray, language: str) -> np.ndarray:
        """Map one language's rows: (n, dim) to float32, (n, dim).

        Raises
        ------
        SettingError
            If the map is by language and the probe rows had none in this one.
        """
        if not self.covers(language):
            raise SettingError(
                f"{self.name} of sentences in {language!r}",
                f"it was fitted on probe rows in {', '.join(self.languages or ())}",
                "Leave the language out, or name a --probe-corpus that has it.",
            )
        return np.asarray(self.apply(np.asarray(rows, dtype=np.float32), language), dtype=np.float32)

    def space(self, space: np.ndarray, languages: Sequence[str]) -> np.ndarray:
        """Map a whole space, (n_languages, n, dim), to float32 of the same shape."""
        return np.stack([self.transform(rows, code) for rows, code in zip(space, languages, strict=True)])


@dataclass(frozen=True)
class Rival:
    """A map that needs no intervention.

    Attributes
    ----------
    name : str
        In options, JSON and links.
    title : str
        For lists and charts.
    about : str
        What it does, in plain words: half a sentence.
    at_fitting : str
        What it needs to be fitted: `NOTHING` but sentences, `LABELS` of their language, or `TRANSLATIONS`.
    when_applied : str
        What it needs to be applied to a sentence: `NOTHING`, its `LANGUAGE`, or that and all sentences of it that are
        compared (`TOGETHER`). An intervention needs nothing.
    fitted : callable
        From finite probe rows, float32 (n_languages, n_rows, dim), their languages and the target to a map.
    by_language : bool
        The map is of the languages among the probe rows, and of no others.
    on_applied : bool
        It is fitted on the very rows that it is applied to, all at once, and ignores the probe rows.
    """

    name: str
    title: str
    about: str
    at_fitting: str
    when_applied: str
    fitted: Callable[[np.ndarray, tuple[str, ...], str], Apply]
    by_language: bool = False
    on_applied: bool = False

    @property
    def supervised(self) -> bool:
        """Whether it learns from translations, so that it is no free rival but a class of its own."""
        return self.at_fitting == TRANSLATIONS

    @property
    def in_class(self) -> bool:
        """Whether it needs as little as an intervention: no translations, and nothing when it is applied."""
        return not self.supervised and self.when_applied == NOTHING

    def needs_as_little(self, by_source: bool) -> bool:
        """Whether it needs as little as an intervention, which may go by the language that a sentence is in.

        No intervention needs the other sentences, so that a map fitted where it is applied needs more than any.
        """
        return self.in_class or (by_source and not self.supervised and not self.on_applied)

    def needs(self, n: int) -> dict[str, str]:
        """What it needs, where it is fitted on ``n`` rows: ``fitting`` and ``applied``."""
        return {"fitting": self.at_fitting.format(n=f"{n:,}"), "applied": self.when_applied}

    def fit(self, probe: np.ndarray, languages: Sequence[str], target: str) -> FittedRival:
        """Fit on probe rows.

        Parameters
        ----------
        probe : ndarray of float32, (n_languages, n_rows, dim)
            Row ``i`` of every language is one meaning; a row that is not finite in some language is left out.
        languages : sequence of str
            Of the first axis.
        target : str
            Supervised rivals map every language to it.

        Raises
        ------
        SettingError
            If it maps to the target and the probe rows have none in it, or fewer than two rows are finite.
        """
        codes = tuple(languages)
        if self.supervised and target not in codes:
            raise SettingError(
                f"{self.name} to {target!r}",
                f"the probe rows are in {', '.join(codes)}",
                "Choose one of these as the target.",
            )
        finite = np.isfinite(probe).all(axis=(0, 2))
        if finite.sum() < 2 and self.fitted not in (_raw, _own_means):
            raise SettingError(
                f"{self.name}, fitted on {len(finite):,} probe rows",
                f"the embeddings of {int(finite.sum()):,} of them are finite numbers in all languages",
                "Choose another layer, or a lower strength.",
            )
        rows = probe if finite.all() else probe[:, finite]
        return FittedRival(self.name, self.fitted(rows, codes, target), codes if self.by_language else None)


def _raw(_: np.ndarray, __: tuple[str, ...], ___: str) -> Apply:
    return lambda rows, _: rows


def _own_means(_: np.ndarray, __: tuple[str, ...], ___: str) -> Apply:
    def apply(rows: np.ndarray, _: str) -> np.ndarray:
        finite = np.isfinite(rows).all(axis=1)
        return rows - _mean(rows[finite]) if finite.any() else rows

    return apply


def _probe_means(probe: np.ndarray, languages: tuple[str, ...], _: str) -> Apply:
    means = _by_language(probe, languages)
    return lambda rows, language: rows - means[language]


def _overall_mean(probe: np.ndarray, _: tuple[str, ...], __: str) -> Apply:
    mean = _mean(_flat(probe))
    return lambda rows, _: rows - mean


def _subspace(probe: np.ndarray, _: tuple[str, ...], __: str) -> Apply:
    removal = linear_maps.subspace_removal(probe.mean(axis=1, dtype=np.float64))
    return lambda rows, _: removal(rows)


def _whitening(probe: np.ndarray, languages: tuple[str, ...], _: str) -> Apply:
    means = _by_language(probe, languages)
    scaling = linear_maps.whitening(_within(probe))
    return lambda rows, language: scaling(rows - means[language])


def _whitening_label_free(probe: np.ndarray, _: tuple[str, ...], __: str) -> Apply:
    rows = _flat(probe)
    mean = _mean(rows)
    scaling = linear_maps.whitening(rows - mean)
    return lambda rows, _: scaling(rows - mean)


def _subspace_whitening(probe: np.ndarray, languages: tuple[str, ...], target: str) -> Apply:
    removal, mean = _subspace(probe, languages, target), _mean(_flat(probe))
    scaling = linear_maps.whitening(removal(_within(probe), target))
    return lambda rows, language: scaling(removal(rows - mean, language))


def _mapped_by(fit: Callable[[np.ndarray, np.ndarray], linear_maps.Product]) -> Callable[..., Apply]:
    """Every language, less its mean, mapped to the target by what ``fit`` finds from translations."""

    def fitted(probe: np.ndarray, languages: tuple[str, ...], target: str) -> Apply:
        means = _by_language(probe, languages)
        centred = dict(zip(languages, probe - probe.mean(axis=1, keepdims=True, dtype=np.float64), strict=True))
        maps = {code: fit(rows, centred[target]) for code, rows in centred.items() if code != target}

        def apply(rows: np.ndarray, language: str) -> np.ndarray:
            rows = rows - means[language]
            return rows if language == target else maps[language](rows)

        return apply

    return fitted


RAW = Rival("raw", "As the model gives it", "nothing is changed", NOTHING, NOTHING, _raw)
"""The space itself: at another layer a rival as well, and under an intervention the intervention alone."""

RIVALS = {
    rival.name: rival
    for rival in (
        Rival(
            "own-means",
            "Own means",
            "each language's mean over the sentences themselves is subtracted",
            LABELS,
            TOGETHER,
            _own_means,
            on_applied=True,
        ),
        Rival(
            "probe-means",
            "Probe means",
            "each language's mean over the probe sentences is subtracted",
            LABELS,
            LANGUAGE,
            _probe_means,
            by_language=True,
        ),
        Rival(
            "overall-mean",
            "Overall mean",
            "the mean over all probe sentences is subtracted",
            NOTHING,
            NOTHING,
            _overall_mean,
        ),
        Rival(
            "subspace",
            "Subspace removed",
            "the directions along which the languages' probe means differ are taken away (LSAR)",
            LABELS,
            NOTHING,
            _subspace,
        ),
        Rival(
            "whitening",
            "Probe means and whitening",
            "each language's probe mean is subtracted, then every direction is scaled to nearly equal variance",
            LABELS,
            LANGUAGE,
            _whitening,
            by_language=True,
        ),
        Rival(
            "whitening-label-free",
            "Whitening without labels",
            "the mean over all probe sentences is subtracted, then every direction is scaled to nearly equal variance",
            NOTHING,
            NOTHING,
            _whitening_label_free,
        ),
        Rival(
            "subspace-whitening",
            "Subspace removed and whitening",
            "the overall mean and the directions along which languages differ are taken away, then every direction is "
            "scaled to nearly equal variance",
            LABELS,
            NOTHING,
            _subspace_whitening,
        ),
        Rival(
            "ridge",
            "Ridge map to the target",
            "each language is mapped to the target by the penalised linear map that fits translations best (INCLINE)",
            TRANSLATIONS,
            LANGUAGE,
            _mapped_by(linear_maps.ridge),
            by_language=True,
        ),
        Rival(
            "procrustes",
            "Rotation to the target",
            "each language is rotated onto the target as translations fit best (Procrustes)",
            TRANSLATIONS,
            LANGUAGE,
            _mapped_by(linear_maps.procrustes),
            by_language=True,
        ),
    )
}
"""Every rival by name, in the order of all lists; the supervised ones last."""


def _flat(probe: np.ndarray) -> np.ndarray:
    return probe.reshape(-1, probe.shape[-1])


def _mean(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows.mean(axis=0, dtype=np.float64), dtype=np.float32)


def _within(probe: np.ndarray) -> np.ndarray:
    """All rows, each less its language's mean: float64, (n_languages * n_rows, dim)."""
    return _flat(probe - probe.mean(axis=1, keepdims=True, dtype=np.float64))


def _by_language(probe: np.ndarray, languages: tuple[str, ...]) -> dict[str, np.ndarray]:
    return {code: _mean(rows) for code, rows in zip(languages, probe, strict=True)}
