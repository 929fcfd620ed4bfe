"""An experiment as the query of a link, and back: whatever is chosen is in the URL."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import AskError
from core.experiment.entry import Setting
from core.experiment.names import SETTINGS
from core.experiment.settings import Experiment


def to_query(experiment: Experiment) -> dict[str, str]:
    """The settings as query parameters; optional ones only where they differ from the default."""
    query = {}
    for setting in SETTINGS.values():
        value = getattr(experiment, setting.name)
        if not _stated(setting, value):
            continue
        if setting.link == "always" or value != setting.default:
            query[setting.name] = ",".join(value) if isinstance(value, tuple) else _plain(value)
    return query


def carries(experiment: Experiment) -> bool:
    """Whether a link gives the experiment back, whatever device it is computed on."""
    return all(setting.in_link(getattr(experiment, setting.name)) for setting in SETTINGS.values())


def from_query(query: Mapping[str, str]) -> tuple[Experiment, list[str]]:
    """The settings in query parameters, by present or older names, and messages on what could not be used."""
    values: dict[str, object] = {}
    problems, recognised = [], set()
    for setting in SETTINGS.values():
        names = [name for name in _names(setting) if name in query]
        recognised.update(names)
        if not names:
            continue
        name, *ignored = names
        try:
            values[setting.name] = setting.kind.read(query[name])
        except (ValueError, AskError):
            problems.append(
                f"The link says {name}={query[name]}, which is not {setting.kind.good}; the default is used."
            )
        if not setting.in_link(values.get(setting.name, setting.default)):
            values.pop(setting.name)
            problems.append(f"The link says {name}={query[name]}, which no link may name; the default is used.")
        problems += [
            f"The link says {ignored_name}={query[ignored_name]} and {name}={query[name]}, which wins."
            for ignored_name in ignored
        ]
    problems += [
        f"The link says {name}={text}, which means nothing here."
        for name, text in query.items()
        if name not in recognised
    ]
    return Experiment(**values), problems  # type: ignore[arg-type]


def _stated(setting: Setting, value: object) -> bool:
    """Whether a link states a value."""
    return value is not None and setting.link != "never" and setting.in_link(value)


def _names(setting: Setting) -> tuple[str, ...]:
    """The names of a setting in links, the present one first; none where no link states it."""
    return () if setting.link == "never" else (setting.name, *setting.older_links)


def _plain(value: object) -> str:
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
