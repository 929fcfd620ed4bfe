"""A setting in a few words, for lists and headings of pictures."""

from __future__ import annotations

from collections.abc import Iterable

from core import access
from core.experiment.names import SETTINGS
from core.experiment.settings import Experiment
from core.language.codes import describe
from core.neurons.selection import CONTROLS

_ALWAYS = ("target", "experts", "strength")
_LEFT_OUT = (*_ALWAYS, "control")
_PLACES = ("model", "adapter", "corpus", "probe_corpus", "experts_from")


def in_words(experiment: Experiment, without: Iterable[str] = ()) -> str:
    """Name a setting by its target, neurons and strength, and by what else is not as it usually is.

    Parameters
    ----------
    without : iterable of str
        Settings that are known from elsewhere and not named.

    Examples
    --------
    >>> in_words(Experiment(target="ja", experts=2000))
    'Japanese, 2,000 experts, strength 1'
    >>> in_words(Experiment(target="es", experts=500, control="random", layer="11"))
    'Spanish, 500 random neurons, strength 1, layer 11'
    """
    kind = "experts" if experiment.control == "none" else CONTROLS[experiment.control].title
    parts = [
        describe(experiment.target).english,
        f"{experiment.experts:,} {kind}",
        f"strength {experiment.strength:g}",
    ]
    for setting in SETTINGS.values():
        value = getattr(experiment, setting.name)
        if setting.name in (*_LEFT_OUT, *without) or setting.link == "never" or value == setting.default:
            continue
        text = ", ".join(value) if isinstance(value, tuple) else str(value)
        if setting.name in _PLACES:  # the last part says which; a path is long, and of this machine
            text = access.titled(text).rsplit("/", 1)[-1]
        parts.append(f"{setting.name.replace('_', ' ')} {text}")
    return ", ".join(parts)
