"""The command ``steer``: whether a model answers in the target language, under every method and when asked in words."""

from __future__ import annotations

import argparse
import math
from functools import partial
from pathlib import Path
from typing import Any

from core.cli import options, output
from core.cli.command import Command
from core.experiment.kinds import split_names
from core.neurons.methods import METHODS


def _add_options(parser: argparse.ArgumentParser) -> None:
    groups = ("model", "sentences", "experts", "intervention", "other")
    options.add_experiment(parser, groups, taken=("tokens", "prompt"))  # --tokens was the length of an answer here
    group = parser.add_argument_group("answers")
    group.add_argument(
        "--into", type=split_names, metavar="LANG,...", help="targets, one after another (default: that of --target)"
    )
    group.add_argument(
        "--methods", metavar="NAME,...", help="interventions to compare, or all (default: that of --method)"
    )
    group.add_argument("--prompts", metavar="FILE", type=Path, help="a table of prompts, a column a language")
    group.add_argument(
        "--prompt-languages", type=split_names, metavar="LANG,...", help="of the prompts (default: all of the table)"
    )
    group.add_argument("--n-prompts", type=int, metavar="N", default=2, help="in each language (default: 2)")
    options.add_most_tokens(group, 40)
    group.add_argument("--temperature", type=float, default=1.0, help="default: 1; 0: likeliest")
    group.add_argument("--json", metavar="FILE", type=Path, help="write every answer and figure to FILE, or to -")
    group.add_argument("--csv", metavar="FILE", type=Path, help="write the table to FILE, or to -")


def _run(arguments: argparse.Namespace) -> None:
    from core.analyses import steering
    from core.corpora.prompts.read import PROMPTS, chosen, read_prompts
    from core.pipeline.engine import Engine
    from core.progress import Progress, Terminal
    from core.store.opening import open_store

    output.check_files(arguments.json, arguments.csv)
    experiment = options.experiment(arguments)
    methods = options.chosen(arguments.methods or experiment.method, METHODS, "methods")
    prompts = chosen(read_prompts(arguments.prompts or PROMPTS), arguments.prompt_languages, arguments.n_prompts)
    asked = steering.SteeringSettings(tuple(prompts), arguments.max_tokens, arguments.temperature, seed=experiment.seed)
    engine, progress = Engine(open_store(arguments.cache)), Progress(Terminal())
    targets = arguments.into or (experiment.target,)
    with progress.ticking():
        found = steering.steer(
            lambda of, question: engine.answer(of, question, progress), experiment, targets, methods, asked
        )
    progress.finish()
    frame = steering.table(found)
    if arguments.csv:
        output.write(arguments.csv, frame.to_csv(index=False))
    if arguments.json:
        document = {"experiment": experiment.to_dict(), **steering.to_json(found, asked)}
        output.write_json(arguments.json, document)
    output.say(summary(frame, asked), arguments.json, arguments.csv)


def summary(frame: Any, asked: Any) -> str:
    """The rows over prompts in other languages than the target, a line a condition."""
    from core.analyses.steering import OTHERS
    from core.language.codes import label

    lines = []
    for target, by_prompts in frame.groupby("target", sort=False):
        others = by_prompts[by_prompts["prompts"] == OTHERS]
        rows, which = (others, "other languages") if len(others) else (by_prompts, "that language, as all of them are")
        lines += ["", f"{label(str(target))}: answers of at most {asked.tokens} tokens to prompts in {which}"]
        lines.append(f"    {'':<46}{'lines':>22}{'line pass':>22}{'word pass':>22}{'perplexity':>26}{'repeated':>10}")
        for row in rows.to_dict("records"):
            cells = [_cell(row, name, "{:.3f}") for name in ("lines", "line_pass", "word_pass")]
            shares, perplexity = "".join(f"{cell:>22}" for cell in cells), _cell(row, "perplexity", "{:.1f}")
            lines.append(f"    {row['title']:<46}{shares}{perplexity:>26}{_number(row['repeated']):>10}")
        n, looked_at = int(rows["texts"].iloc[0]), int(rows["line_pass_n"].min())
        lines.append(f"    n = {n} answers; lines of five words or more, which {looked_at} or more of the answers have")
    note = "95% intervals; perplexity under the unmodified model; word pass only where letters are not Latin"
    return "\n".join([*lines, f"    {note}"])


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _cell(row: dict[Any, Any], name: str, form: str) -> str:
    value, low, high = (row[key] for key in (name, f"{name}_low", f"{name}_high"))
    if math.isnan(value):
        return "-"
    ends = "" if math.isnan(low) else f" ({form.format(low)}-{form.format(high)})"
    return form.format(value) + ends


COMMAND = Command(
    "steer",
    "see whether the model answers in the target language",
    "Puts prompts in several languages to the model, unmodified, under interventions, under one on random neurons, and "
    "with a request for the language in words, which costs nothing. Says which share of lines is in the target "
    "language and how many answers pass by lines and by words, as the Language Confusion Benchmark defines it, and the "
    "perplexity of the answers under the unmodified model.",
    _add_options,
    _run,
    partial(
        options.manual,
        "python -m core steer --target es --experts 500",
        "python -m core steer --target ja --into ja,es,de --methods set-mean,diff-mean --json steer.json",
        "python -m core steer --target ja --methods all --prompts prompts.tsv --csv steer.csv",
    ),
)
