"""The type of the values that a setting can have: the name of each, and its meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True)
class Choice:
    """One value of a setting.

    Attributes
    ----------
    name : str
        As links, files and the command line write it.
    title : str
        As the dashboard's list shows it.
    about : str
        What it means, in a few words.
    word : str
        What a line of conditions calls it; the name where it is empty.
    """

    name: str
    title: str
    about: str = ""
    word: str = ""

    def __str__(self) -> str:
        return self.word or self.name


C = TypeVar("C", bound=Choice)


def by_name(*choices: C) -> dict[str, C]:
    """A table of choices: name -> choice, in the order given."""
    return {choice.name: choice for choice in choices}
