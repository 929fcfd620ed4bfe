"""The command line ``python -m core``, with one module for each command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from core.cli import (
    data,
    embed,
    ending,
    experts,
    export,
    generate,
    measures,
    methods,
    output,
    pack,
    reproduce,
    run,
    search,
    sharing,
    steer,
    sweep,
    transfer,
)
from core.cli.command import Command

COMMANDS: tuple[Command, ...] = (
    run.COMMAND,
    experts.COMMAND,
    generate.COMMAND,
    steer.COMMAND,
    methods.COMMAND,
    search.COMMAND,
    sweep.COMMAND,
    transfer.COMMAND,
    export.COMMAND,
    embed.COMMAND,
    pack.COMMAND,
    pack.UNPACK,
    reproduce.COMMAND,
    measures.COMMAND,
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
            sharing.put_in_force(getattr(arguments, "shared", None), cache)
        command(arguments)

    return ending.guarded(work)


def parser(name: str = "python -m core", others: Mapping[str, str] | None = None) -> argparse.ArgumentParser:
    """Make the parser of the whole command line; the parsed ``command`` is the function to call with the arguments."""
    main_parser = argparse.ArgumentParser(
        prog=name,
        description="Find the language-specific neurons of a multilingual model, hold them, and measure what moves.",
    )
    listed = (*(command.name for command in COMMANDS), *(others or {}))
    commands = main_parser.add_subparsers(title="commands", required=True, metavar=f"{{{','.join(listed)}}}")
    for command in COMMANDS:
        command_parser = commands.add_parser(
            command.name,
            help=command.summary,
            description=command.description,
            epilog=command.epilog(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command_parser.set_defaults(command=command.run)
        command.add_options(command_parser)
    for other, summary in (others or {}).items():
        commands.add_parser(other, help=summary, add_help=False)
    return main_parser


if __name__ == "__main__":
    sys.exit(main())
