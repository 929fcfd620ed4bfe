"""The command line: ``python -m core run``, ``experts``, ``generate`` and ``reproduce``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from core.cli import data as dataset_commands
from core.cli import generate, output
from core.cli import reproduce as reproduction
from core.errors import AskError, SettingError
from core.experiment.file import read_experiment
from core.experiment.settings import Experiment
from core.language.codes import label
from core.models.spec import CATALOGUE, DTYPES
from core.neurons.interventions import METHODS, TOKENS
from core.neurons.responses import NEURONS, POOLINGS
from core.neurons.scores import SCORES
from core.neurons.selection import CONTROLS, SELECTIONS
from core.pipeline.engine import Engine
from core.pipeline.measure_table import MEASURES, Measure
from core.pipeline.result import Result
from core.progress import Progress, Terminal, duration
from core.store.location import default_cache
from core.store.store import Store

_METHODS = "\n".join(f"  {m.name:<17} {m.formula}" for m in METHODS.values())
_SCORES = "\n".join(f"  {x.name:<17} {x.about}" for x in SCORES.values())
_EPILOG = (
    f"""
scores (--score)
{_SCORES}

methods (--method), at strength s; means, medians and AUROC are over the probe sentences
{_METHODS}
"""
    + """
models
  embedded          Gemma 3 270M (base); comes with the requirements, nothing is downloaded
  OWNER/NAME        any causal language model on the Hugging Face hub, at --revision
  FOLDER            one saved with save_pretrained (config.json, *.safetensors, tokenizer.json)

corpora
  embedded          400 sentences in 12 languages: 200 rows probe, 200 evaluation
  flores:DIR        FLORES-200: dev is the probe, devtest the evaluation
  tatoeba:DIR       Tatoeba in the LASER layout; pairs with English, so it needs --probe-corpus
  bucc:DIR          BUCC 2018, the gold pairs with English; needs --probe-corpus too
  table:FILE        your own CSV, TSV, JSONL or Parquet with one column a language (es, fr, ...), optionally id and
                    split (probe or evaluation)

languages are named by BCP 47 codes (es, zh); FLORES's spa_Latn and Tatoeba's spa mean the same.

examples
  python -m core run --target ja --experts 2000
  python -m core run --target es --strength 0.5 --control random --json random.json
  python -m core run --corpus flores:flores200 --languages es,fr,hi,th --eval-sentences 100 --target es
  python -m core run --corpus tatoeba:tatoeba --probe-corpus embedded --target en
  python -m core run --model bigscience/bloom-560m --target fr --experts 200
  python -m core run --target ja --method aura --score ap --sites down_proj --expert-layers 6-17
  python -m core run --experiment saved.json --strength 0.5
  python -m core experts --target ja --experts 500 --out experts.csv
  python -m core generate --target es --experts 500 --tokens 24 --samples 6
  python -m core reproduce --corpus flores:flores200 --tatoeba tatoeba --out report

Results are cached in --cache: what was computed once is not computed again.
"""
)


_SETTINGS = {field.name for field in fields(Experiment)}


def main(
    argv: Sequence[str] | None = None, *, name: str = "python -m core", others: Mapping[str, str] | None = None
) -> int:
    """Run the command line; returns the exit status: 0, or 2 for a request that cannot be met.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process if not given.
    name : str
        What the help calls the program.
    others : mapping of str to str, optional
        Commands that the caller answers itself, and what they do: the help lists them.
    """
    arguments = _parser(name, others or {}).parse_args(argv)
    try:
        command: Callable[[argparse.Namespace], None] = arguments.command
        command(arguments)
    except AskError as error:
        print(f"error: {error.what}\n  why: {error.why}\n  instead: {error.instead}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; what was finished is kept in the cache", file=sys.stderr)
        return 130
    return 0


def _parser(name: str, others: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=name,
        description="Find the language-specific neurons of a multilingual model, hold them, and measure what moves.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="{run,experts,generate,reproduce}")
    run = _command(
        commands,
        "run",
        _run,
        "measure retrieval and distance before and after an intervention",
        "Finds the experts of the target language (the neurons whose pooled response best tells its sentences from "
        "those of other languages), holds them at their mean response on that language (or intervenes by another "
        "--method) while every sentence of every language passes through, and compares the sentence embeddings before "
        "(pre) and after (post).",
    )
    _evaluation(run)
    run.add_argument("--json", metavar="FILE", type=Path, help="write every setting and measure to FILE")
    experts = _command(
        commands,
        "experts",
        _experts,
        "write the ranked neurons to a table",
        "Ranks every neuron by how well its pooled response tells the target language from the others (--score) and "
        "writes the best: rank, layer, site, unit, score, value (its mean response on the target language).",
    )
    experts.add_argument("--out", metavar="FILE", type=Path, required=True, help="CSV file to write")
    written = _command(commands, "generate", _generate, generate.SUMMARY, generate.DESCRIPTION)
    generate.add_options(written)
    for command in commands.choices.values():
        _say_only_what_is_said(command)
    _add_reproduce(commands)
    dataset_commands.add(commands)
    for other, summary in others.items():
        commands.add_parser(other, help=summary, add_help=False)
    commands.metavar = f"{{{','.join(commands.choices)}}}"
    return parser


def _add_reproduce(commands: Any) -> None:
    """It is no single experiment, so its options and their defaults are its own."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "reproduce",
        help=reproduction.SUMMARY,
        description=reproduction.DESCRIPTION,
        epilog=reproduction.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=reproduction.reproduce)
    reproduction.add_options(parser)
    _add_other(parser)


def _say_only_what_is_said(command: argparse.ArgumentParser) -> None:
    """Leave settings that are not given out of what is parsed: they are the file's, or the experiment's defaults."""
    for action in command._actions:
        if action.dest in _SETTINGS:
            action.default = argparse.SUPPRESS


def _command(
    commands: Any, name: str, function: Callable[[argparse.Namespace], None], summary: str, description: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=function)
    default = Experiment()
    parser.add_argument(
        "--experiment",
        metavar="FILE",
        type=Path,
        help="take the settings from a JSON file, as the dashboard saves or --json writes; options beside it win",
    )
    known = ", ".join(list(CATALOGUE)[:4])
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model", default=default.model, help=f"embedded (default), a hub id, or a folder: {known}, ..."
    )
    model.add_argument("--revision", help="branch, tag or commit of a model on the hub")
    model.add_argument("--dtype", default="auto", choices=["auto", *DTYPES], help="default: bfloat16 where native")
    model.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1 or mps")
    probe = parser.add_argument_group("experts")
    probe.add_argument("--target", metavar="LANG", help="language whose experts are held")
    probe.add_argument("--experts", type=int, default=default.experts, metavar="K", help="how many (default: 2000)")
    probe.add_argument("--score", default=default.score, choices=SCORES, help="what an expert is (default: auroc)")
    probe.add_argument(
        "--neurons",
        type=_names,
        default=default.neurons,
        metavar="KIND,...",
        help=f"whose outputs count as neurons: {', '.join(NEURONS)} (default: mlp)",
    )
    probe.add_argument(
        "--select",
        default=default.select,
        choices=SELECTIONS,
        help="the K best of the model (default) or of each layer",
    )
    probe.add_argument("--expert-layers", metavar="A-B,...", help="only neurons of these layers, from 0 (default: all)")
    probe.add_argument(
        "--expert-sites",
        "--sites",
        type=_names,
        metavar="SITE,...",
        help="only neurons of these sites, such as gate_proj (default: all)",
    )
    probe.add_argument("--min-score", type=float, metavar="X", help="only neurons that score at least this")
    probe.add_argument("--corpus", default=default.corpus, metavar="SPEC", help="where sentences come from (see below)")
    probe.add_argument("--probe-corpus", metavar="SPEC", help="take the probe sentences from another corpus")
    probe.add_argument(
        "--probe-languages",
        type=_names,
        metavar="LANG,...",
        help="positive and negative languages (default: the target and those of en,de,fr,es,ja,zh that the corpus has; "
        "all of them for the embedded corpus)",
    )
    probe.add_argument("--probe-sentences", type=int, metavar="N", help="the first N probe rows (default: all)")
    probe.add_argument("--pooling", default="mean", choices=POOLINGS, help="of a neuron over tokens (default: mean)")
    _add_other(parser)
    return parser


def _add_other(parser: argparse.ArgumentParser) -> None:
    other = parser.add_argument_group("other")
    other.add_argument("--seed", type=int, default=0, help="of the random control and the projection (default: 0)")
    other.add_argument("--cache", metavar="DIR", type=Path, default=default_cache(), help="default: %(default)s")


def _evaluation(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("intervention and evaluation")
    default = Experiment()
    group.add_argument("--method", default=default.method, choices=METHODS, help="what is written (default: set-mean)")
    group.add_argument(
        "--strength", type=float, default=1.0, metavar="S", help="0: unmodified, 1 (default): the method, above: beyond"
    )
    group.add_argument(
        "--tokens", default=default.tokens, choices=TOKENS, help="where it is written: all tokens (default), ..."
    )
    group.add_argument(
        "--control",
        default="none",
        choices=CONTROLS,
        help="random: the same written to neurons drawn at random; random-layers: as many in each layer",
    )
    group.add_argument(
        "--languages", type=_names, metavar="LANG,...", help="to evaluate on (default: all of the corpus)"
    )
    group.add_argument("--eval-sentences", type=int, metavar="N", help="the first N evaluation rows (default: all)")
    group.add_argument(
        "--layer", default="last", metavar="L", help="last (default) or a hidden state from 0 (embeddings)"
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _experiment(arguments: argparse.Namespace) -> Experiment:
    """What is asked: the defaults, what --experiment says instead, and what the other options say instead of that."""
    said = {name: value for name, value in vars(arguments).items() if name in _SETTINGS}
    base = read_experiment(arguments.experiment) if arguments.experiment else Experiment()
    if not arguments.experiment and "target" not in said:
        raise SettingError("an experiment without a target", "experts are those of a language", "Give --target ja.")
    return replace(base, **said)


def _run(arguments: argparse.Namespace) -> None:
    if arguments.json:
        output.check_file(arguments.json)
    engine, progress = Engine(Store(arguments.cache)), Progress(Terminal())
    with progress.ticking():
        result = engine.run(_experiment(arguments), progress)
    if arguments.json:
        output.write(arguments.json, json.dumps(result.to_json(), indent=1, ensure_ascii=False) + "\n")
    print(_summary(result))


def _experts(arguments: argparse.Namespace) -> None:
    output.check_file(arguments.out)
    engine, progress = Engine(Store(arguments.cache)), Progress(Terminal())
    with progress.ticking():
        bound, experts = engine.experts(_experiment(arguments), progress)
    frame = pd.DataFrame(bound.outline.neurons.named(experts.neurons))
    frame = frame.assign(rank=range(1, len(frame) + 1), score=experts.scores, value=experts.values)
    output.write(
        arguments.out, frame[["rank", "neuron", "layer", "site", "unit", "score", "value"]].to_csv(index=False)
    )
    mean = f"mean {SCORES[bound.experiment.score].title} {frame['score'].mean():.4f}"
    print(f"{len(frame):,} experts of {label(bound.target)}, {mean}: {arguments.out}")


def _generate(arguments: argparse.Namespace) -> None:
    if arguments.json:
        output.check_file(arguments.json)
    engine, progress = Engine(Store(arguments.cache)), Progress(Terminal())
    with progress.ticking():
        report = engine.answer(_experiment(arguments), lambda run: generate.write(run, arguments), progress)
    progress.finish()
    if arguments.json:
        output.write(arguments.json, json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n")
    print(generate.summary(report))


_WIDTH = 44  # of the names of measures


def _summary(result: Result) -> str:
    """The result as a few lines of text."""
    experiment, plan = result.plan.experiment, result.plan
    rows = result.from_target
    k, score = len(result.experts.neurons), SCORES[experiment.score].title
    what = "experts" if experiment.control == "none" else "random neurons in place of its experts"
    lines = [
        "",
        f"{label(plan.target)}: {k:,} {what}, {experiment.method} at strength {experiment.strength:g}, "
        f"{experiment.model}, {experiment.corpus}, layer {plan.layer} of {plan.outline.n_layers}",
        f"  {f'mean {score} of the experts':<{_WIDTH}} {result.experts.scores.mean():.3f}",
        *(_line(measure, result) for measure in MEASURES.values() if not measure.free),
        "  free, for comparison:",
        *(_line(measure, result) for measure in MEASURES.values() if measure.free),
        "",
        f"  {plan.target} as query    pre    post     n",
    ]
    lines += [f"    {r.candidate:<12} {r.top1_pre:.3f}  {r.top1_post:.3f}  {r.n:>4}" for r in rows.itertuples()]
    lines += [f"  note: {note}" for note in result.notes]
    return "\n".join([*lines, "", f"  took {duration(sum(result.seconds.values()))}"])


def _line(measure: Measure, result: Result) -> str:
    change, title = measure.read(result), measure.titled(label(result.plan.target), result)
    return f"  {title:<{_WIDTH}} {change.pre:.3f} -> {change.post:.3f}  ({change.difference:+.3f})"


if __name__ == "__main__":
    sys.exit(main())
