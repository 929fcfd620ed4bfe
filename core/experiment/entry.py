"""What is said of one setting: an entry of the table `core.experiment.names.SETTINGS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

from core.experiment.kinds import Kind
from core.experiment.settings import Experiment

_DEFAULTS = {field.name: field.default for field in fields(Experiment)}


@dataclass(frozen=True)
class Setting:
    """One setting, with all that any listing says of it.

    Attributes
    ----------
    name : str
        Of its field; also its name in links and files and, with dashes, on the command line.
    label : str
        In the sidebar.
    help : str
        What it is, in one sentence without its full stop.
    kind : Kind
        How its text is read, and what a good value is.
    group : str
        One of `core.experiment.names.GROUPS`.
    unset : str
        What None means, in words; empty where it cannot be None.
    example : object
        A good value to show, where the default is none.
    link : {"changed", "always", "never"}
        When a link states it. Always: so that the link survives a change of defaults. Never: it belongs to the machine
        that opens the link.
    in_link : callable
        Which of its values a link may state; others name something of one machine.
    panel : {"top", "neurons", "more", ""}
        The part of the sidebar it stands in; empty: in none, so that only a link, a file or an option says it.
    applies : callable
        Whether it says anything in an experiment; where it does not, the sidebar leaves it out, at its default.
    older_links, older_options : tuple of str
        Names that it had; they still read.
    everywhere : str
        An option that says it in every command, where its own name says something else in some.
    """

    name: str
    label: str
    help: str
    kind: Kind
    group: str
    unset: str = ""
    example: Any = None
    link: Literal["changed", "always", "never"] = "changed"
    in_link: Callable[[Any], bool] = lambda _: True
    panel: Literal["top", "neurons", "more", ""] = ""
    applies: Callable[[Experiment], bool] = lambda _: True
    older_links: tuple[str, ...] = ()
    older_options: tuple[str, ...] = ()
    everywhere: str = ""

    @property
    def option(self) -> str:
        """On the command line: ``--probe-corpus``."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def default(self) -> Any:
        """The value where nobody says another."""
        return _DEFAULTS[self.name]

    @property
    def sample(self) -> Any:
        """A good value to show, as JSON has it."""
        value = self.default if self.example is None else self.example
        return list(value) if isinstance(value, tuple) else value
