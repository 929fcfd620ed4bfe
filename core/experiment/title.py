"""A setting in a few words, for lists and headings of pictures."""

from __future__ import annotations

from collections.abc import Iterable

from core import access
from core.experiment.named_neurons import in_short
from core.experiment.names import ALWAYS_SAID, SETTINGS
from core.experiment.places import PLACES
from core.experiment.settings import Experiment
from core.language.codes import describe
from core.neurons.selection import CONTROLS
from core.stats.units import counted

_LEFT_OUT = (*ALWAYS_SAID, "control", "experts_from")


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
    >>> in_words(Experiment(target="es", experts_from="12:down_proj:33=4.2"))
    'Spanish, experts from 12:down_proj:33=4.2, strength 1'
    >>> in_words(Experiment(target="es", select="all", expert_layers="6"))
    'Spanish, all neurons, strength 1, expert layers 6'
    """
    left_out = {*_LEFT_OUT, *without, *(["select"] if experiment.select == "all" else [])}
    parts = [describe(experiment.target).english, _neurons(experiment), f"strength {experiment.strength:g}"]
    for setting in SETTINGS.values():
        value = getattr(experiment, setting.name)
        if setting.name in left_out or setting.link == "never" or value == setting.default:
            continue
        text = ", ".join(value) if isinstance(value, tuple) else str(value)
        if setting.name in PLACES:  # the last part says which; a path is long, and of this machine
            text = access.titled(text).rsplit("/", 1)[-1]
        parts.append(f"{setting.name.replace('_', ' ')} {text}")
    return ", ".join(parts)


def of_number(experiment: Experiment) -> str:
    """A setting among others of other numbers of neurons and strengths, by these two.

    Examples
    --------
    >>> of_number(Experiment(experts=1)), of_number(Experiment(experts=1200, select="layer", strength=0.5))
    ('1 neuron at strength 1', '1,200 neurons of each layer at strength 0.5')
    >>> of_number(Experiment(select="all"))
    'strength 1'
    """
    strength = f"strength {experiment.strength:g}"
    if not experiment.k_counts:
        return strength
    each = " of each layer" if experiment.select == "layer" else ""
    each += " and language" if each and experiment.targets else " of each language" if experiment.targets else ""
    return f"{counted(experiment.experts, 'neuron')}{each} at {strength}"


def _neurons(experiment: Experiment) -> str:
    """What is held: the number says nothing where the neurons are named or all are chosen."""
    kind = "experts" if experiment.control == "none" else CONTROLS[experiment.control].title
    if experiment.k_counts:
        one = kind.replace("experts", "expert").replace("neurons", "neuron")
        return f"{experiment.experts:,} {one if experiment.experts == 1 else kind}"
    named = f"experts from {in_short(experiment.experts_from)}" if experiment.experts_from else "all neurons"
    return named if experiment.control == "none" else f"{kind}, as many as {named}"
