"""The type of the commands of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command, as its module declares it and `core.cli.main` lists it.

    A command's module is imported for every help, so it imports only what loads fast; ``run`` imports the rest.

    Attributes
    ----------
    name : str
        What is typed after ``python -m core``.
    summary : str
        Its line in the list of commands.
    description : str
        Before the options in its own help.
    add_options : callable
        Adds its options to its parser.
    run : callable
        Does what the options ask for; raises `core.errors.AskError` where that cannot be.
    epilog : callable
        Gives what stands after the options, from the tables as they are when it is asked.
    """

    name: str
    summary: str
    description: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]
    epilog: Callable[[], str] = str
