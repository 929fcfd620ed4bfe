"""The command line: ``python -m core``, with one module a command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from core.cli import data, ending, experts, generate, output, reproduce, run
from core.cli.command import Command

COMMANDS: tuple[Command, ...] = (
    run.COMMAND,
    experts.COMMAND,
    generate.COMMAND,
    reproduce.COMMAND,
    data.COMMAND,
)


def main(
    argv: Sequence[str] | None = None, *, name: str = "python -m core", others: Mapping[str, str] | None = None
) -> int:
    """Run the command line; returns the exit status, as `core.cli.ending.guarded` says.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process if not given.
    name : str
        What the help calls the program.
    others : mapping of str to str, optional
        Commands that the caller answers itself, and what they do: the help lists them.
    """

    def work() -> None:
        arguments = parser(name, others or {}).parse_args(argv)
        command: Callable[[argparse.Namespace], None] = arguments.command
        cache: Path | None = getattr(arguments, "cache", None)
        if cache is not None:
            output.check_cache(cache)
        command(arguments)

    return ending.guarded(work)


def parser(name: str = "python -m core", others: Mapping[str, str] | None = None) -> argparse.ArgumentParser:
    """The parser of the whole command line; ``command`` of what it parses is what to call with it."""
    whole = argparse.ArgumentParser(
        prog=name,
        description="Find the language-specific neurons of a multilingual model, hold them, and measure what moves.",
    )
    listed = (*(command.name for command in COMMANDS), *(others or {}))
    commands = whole.add_subparsers(title="commands", required=True, metavar=f"{{{','.join(listed)}}}")
    for command in COMMANDS:
        own = commands.add_parser(
            command.name,
            help=command.summary,
            description=command.description,
            epilog=command.epilog(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        own.set_defaults(command=command.run)
        command.add_options(own)
    for other, summary in (others or {}).items():
        commands.add_parser(other, help=summary, add_help=False)
    return whole


if __name__ == "__main__":
    sys.exit(main())
