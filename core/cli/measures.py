"""The command ``measures``: lists what is measured, and what is free."""

from __future__ import annotations

import argparse

from core.cli import options
from core.cli.command import Command


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Nothing: it is one list."""


def _run(_: argparse.Namespace) -> None:
    from core.pipeline.measure_table import MEASURES
    from core.spaces.rivals import RIVALS
    from core.spaces.space_measures import SPACE_MEASURES

    of_result = {name: f"{measure.titled()}. {measure.explained()}" for name, measure in MEASURES.items()}
    of_space = {name: f"{measure.title}. {measure.about}" for name, measure in SPACE_MEASURES.items()}
    rivals = {
        name: f"{rival.title}: {rival.about}. Needs, to be fitted: {rival.at_fitting.format(n='N')}; "
        f"when applied: {rival.when_applied}."
        for name, rival in RIVALS.items()
    }
    print("measures of a result, before and after (run)", options.listing(of_result), sep="\n")
    print("\nmeasures of one space (run --measures)", options.listing(of_space), sep="\n")
    print("\nwhat is free, fitted on probe rows (run --rivals)", options.listing(rivals), sep="\n")


COMMAND = Command(
    "measures",
    "list what is measured, and the free rivals of an intervention",
    "Lists every measure, and every map of embeddings that needs no intervention, a line each.",
    _add_options,
    _run,
)
