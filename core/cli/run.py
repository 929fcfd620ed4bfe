"""The command ``run``: retrieval and distance before and after an intervention."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from core.cli import options, output
from core.cli.command import Command
from core.errors import SettingError
from core.experiment.names import GROUPS


def _add_options(parser: argparse.ArgumentParser) -> None:
    options.add_experiment(parser, GROUPS)
    free = parser.add_argument_group("what is free")
    free.add_argument(
        "--rivals",
        metavar="all|NAME,...",
        help="also measure what needs no intervention: maps fitted on the probe rows (python -m core measures lists "
        "them), on the unmodified space and on top of the intervention",
    )
    free.add_argument(
        "--measures", metavar="all|NAME,...", help="what is measured of every one of these spaces (default: all)"
    )
    free.add_argument(
        "--rival-layers",
        metavar="all|6,last|0-9",
        help="where (default: at --layer, and at the layer where the rival does best on probe rows)",
    )
    free.add_argument(
        "--distractors",
        metavar="N|all",
        type=options.count_or_all,
        help="on BUCC: mine among the first N other sentences of each text as well, or among all of them, which embeds "
        "both texts whole (default: the gold pairs alone)",
    )
    options.add_gpus_per_model(parser)
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every setting and measure to FILE, or to -")
    parser.add_argument("--csv", metavar="FILE", type=Path, help="write what is free, a row a space, to FILE, or to -")
    parser.add_argument(
        "--pairs-csv",
        metavar="FILE",
        type=Path,
        help="write the same, a row a space and pair of languages, to FILE, or to -",
    )


def _run(arguments: argparse.Namespace) -> None:
    from core.analyses import rival_spaces, rival_table
    from core.analyses.distractors import check_distractors
    from core.cli.run_result import rival_lines, summary
    from core.experiment.hidden_states import hidden_states
    from core.experiment.plan import plan
    from core.pipeline.engine import Engine
    from core.progress import Progress, Terminal
    from core.store.opening import open_store

    files = arguments.json, arguments.csv, arguments.pairs_csv
    output.check_files(*files)
    experiment, question = options.experiment(arguments), _free(arguments)
    bound = plan(experiment)
    layers = None
    if question and arguments.rival_layers is not None:
        layers = hidden_states(arguments.rival_layers, bound.outline.n_layers)
    check_distractors(bound, arguments.distractors)
    engine = Engine(open_store(arguments.cache), ranks=options.ranks(arguments, experiment.device))
    engine.models.check(bound.resolved)
    progress = Progress(Terminal())
    with progress.ticking():
        result = engine.run(experiment, progress)
        document, text = result.to_json(), summary(result)
        if question:
            compare = partial(rival_spaces.compare, rivals=question[0], measures=question[1], layers=layers)
            spaces = engine.answer(experiment, partial(compare, distractors=arguments.distractors), progress)
            document |= {"rivals": rival_table.to_json(spaces), "rival_notes": list(spaces.notes)}
            text = f"{text}\n{rival_lines(spaces)}"
            if arguments.csv:
                output.write(arguments.csv, rival_table.frame(spaces).to_csv(index=False))
            if arguments.pairs_csv:
                output.write(arguments.pairs_csv, rival_table.pair_frame(spaces).to_csv(index=False))
    if arguments.json:
        output.write_json(arguments.json, document)
    output.say(text, *files)


def _free(arguments: argparse.Namespace) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Names of the rivals and of the measures; None where neither is asked for."""
    from core.spaces.rivals import RIVALS
    from core.spaces.space_measures import SPACE_MEASURES

    if arguments.rivals is None and arguments.measures is None:
        for option, value in (
            ("--csv", arguments.csv),
            ("--pairs-csv", arguments.pairs_csv),
            ("--rival-layers", arguments.rival_layers),
            ("--distractors", arguments.distractors),
        ):
            if value is not None:
                raise SettingError(f"{option} without --rivals", "it is about what is free", "Add --rivals all.")
        return None
    rivals = options.chosen(arguments.rivals, RIVALS, "rivals")
    return rivals, options.chosen(arguments.measures or "all", SPACE_MEASURES, "measures")


COMMAND = Command(
    "run",
    "measure retrieval and distance before and after an intervention",
    "Finds the experts of the target language (the neurons whose pooled response best tells its sentences from those "
    "of other languages), holds them at their mean response on that language (or intervenes by another --method) "
    "while every sentence of every language passes through, and compares sentence embeddings before (pre) and after "
    "(post).",
    _add_options,
    _run,
    partial(
        options.manual,
        "python -m core run --target ja --experts 2000",
        "python -m core run --target es --strength 0.5 --control random --json random.json",
        "python -m core run --corpus flores:flores200 --languages es,fr,hi,th --eval-sentences 100 --target es",
        "python -m core run --corpus tatoeba:tatoeba --probe-corpus embedded --target en",
        "python -m core run --model bigscience/bloom-560m --target fr --experts 200",
        "python -m core run --target ja --method aura --score ap --expert-sites down_proj --expert-layers 6-17",
        "python -m core run --experiment saved.json --strength 0.5",
        "python -m core run --target ja --rivals all --measures all --json out.json --csv rivals.csv",
    ),
)
