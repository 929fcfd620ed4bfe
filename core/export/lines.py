"""The lines that have the same setting again: in Python, and on the command line."""

from __future__ import annotations

import shlex
from typing import Any

from core.experiment.names import ALWAYS_SAID, SETTINGS
from core.experiment.settings import Experiment


def changed(experiment: Experiment) -> dict[str, Any]:
    """The settings that say an experiment: those that are no default, and the few that are always said."""
    return {
        name: getattr(experiment, name)
        for name, setting in SETTINGS.items()
        if name in ALWAYS_SAID or getattr(experiment, name) != setting.default
    }


def python(experiment: Experiment) -> str:
    """The lines of Python that reproduce the picture, its table and its embeddings."""
    settings = "".join(f"    {name}={value!r},\n" for name, value in changed(experiment).items())
    return f"""import core

session = core.Session()
result = session.run(
{settings})
print(result)  # top-1 before and after, and what is free
session.map_chart(result).save("map.html")
table = session.retrieval(result)
before, after = session.embeddings(result).of({experiment.target!r})
"""


def command(name: str, experiment: Experiment, *rest: str, groups: tuple[str, ...] | None = None) -> str:
    """The command line of a command with an experiment's settings.

    Parameters
    ----------
    name : str
        The command.
    rest : str
        Further words.
    groups : tuple of str, optional
        Take the settings of these groups alone, for a command that has no others.
    """
    words = ["python", "-m", "core", name]
    for setting, value in changed(experiment).items():
        if groups is None or SETTINGS[setting].group in groups:
            words += [SETTINGS[setting].option, ",".join(value) if isinstance(value, tuple) else str(value)]
    return shlex.join([*words, *rest])
