"""An experiment as the query of a link, and back: whatever is chosen is in the URL."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import AskError
from core.experiment.settings import Experiment
from core.language.codes import canonical
from core.models.spec import DTYPES
from core.neurons.interventions import METHODS, TOKENS
from core.neurons.responses import NEURONS, POOLINGS
from core.neurons.scores import SCORES
from core.neurons.selection import CONTROLS, SELECTIONS, check_layers


@dataclass(frozen=True)
class _Field:
    """How one setting stands in a link."""

    name: str  # in the link
    attribute: str  # of Experiment
    read: Callable[[str], Any]  # raises ValueError or AskError
    kind: str  # what a good value is, in words
    always: bool = False  # written even where it is the default, so that a link survives a change of defaults


def _whole(low: int, high: int = 10**9) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return read


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _layer(text: str) -> str | int:
    return text if text == "last" else _whole(0)(text)


def _codes(text: str) -> tuple[str, ...]:
    return tuple(canonical(code) for code in text.split(",") if code)


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return read


def _names(*choices: str) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        names = tuple(name for name in text.split(",") if name)
        if not names or (choices and set(names) - set(choices)):
            raise ValueError(text)
        return names

    return read


def _layers(text: str) -> str:
    check_layers(text)
    return text


_FIELDS = (
    _Field("model", "model", str, "a model", always=True),
    _Field("revision", "revision", str, "a revision"),
    _Field("corpus", "corpus", str, "a corpus", always=True),
    _Field("probe", "probe_corpus", str, "a corpus"),
    _Field("target", "target", canonical, "a language code", always=True),
    _Field("k", "experts", _whole(1), "a whole number from 1", always=True),
    _Field("strength", "strength", _number, "a number", always=True),
    _Field("method", "method", _one_of(*METHODS), "a method"),
    _Field("tokens", "tokens", _one_of(*TOKENS), " or ".join(TOKENS)),
    _Field("neurons", "neurons", _names(*NEURONS), ", ".join(NEURONS)),
    _Field("score", "score", _one_of(*SCORES), " or ".join(SCORES)),
    _Field("select", "select", _one_of(*SELECTIONS), " or ".join(SELECTIONS)),
    _Field("in_layers", "expert_layers", _layers, "layers such as 0-5,9"),
    _Field("in_sites", "expert_sites", _names(), "names of sites with commas between"),
    _Field("min_score", "min_score", _number, "a number"),
    _Field("layer", "layer", _layer, "last or a whole number", always=True),
    _Field("languages", "languages", _codes, "language codes with commas between"),
    _Field("probe_languages", "probe_languages", _codes, "language codes with commas between"),
    _Field("n_probe", "probe_sentences", _whole(2), "a whole number from 2"),
    _Field("n_eval", "eval_sentences", _whole(2), "a whole number from 2"),
    _Field("pooling", "pooling", _one_of(*POOLINGS), " or ".join(POOLINGS)),
    _Field("control", "control", _one_of(*CONTROLS), " or ".join(CONTROLS)),
    _Field("seed", "seed", _whole(0, 2**32 - 1), "a whole number from 0 to 4294967295"),
    _Field("dtype", "dtype", _one_of("auto", *DTYPES), "a precision"),
)


def to_query(experiment: Experiment) -> dict[str, str]:
    """The settings as query parameters; optional ones only where they differ from the default."""
    default, query = Experiment(), {}
    for field in _FIELDS:
        value = getattr(experiment, field.attribute)
        if value is not None and (field.always or value != getattr(default, field.attribute)):
            query[field.name] = ",".join(value) if isinstance(value, tuple) else _plain(value)
    return query


def from_query(query: Mapping[str, str]) -> tuple[Experiment, list[str]]:
    """The settings that query parameters name, and what in them could not be used, in words."""
    values, problems = {}, []
    for field in _FIELDS:
        if field.name in query:
            try:
                values[field.attribute] = field.read(query[field.name])
            except (ValueError, AskError):
                problems.append(
                    f"The link says {field.name}={query[field.name]}, which is not {field.kind}; the default is used."
                )
    known = {field.name for field in _FIELDS}
    problems += [
        f"The link says {name}={query[name]}, which means nothing here." for name in query if name not in known
    ]
    return Experiment(**values), problems


def _plain(value: object) -> str:
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
