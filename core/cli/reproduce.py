"""The command ``reproduce``: measures every table and figure of the paper, and compares them with the published."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

from core.cli import options
from core.cli.command import Command
from core.errors import SettingError
from core.experiment.kinds import split_names
from core.experiment.names import SETTINGS, in_group
from core.reproduction.options import SWEEP, Options

_EPILOG = """
examples
  python -m core reproduce --out report
  python -m core reproduce --corpus flores:flores200 --tatoeba tatoeba --sentences 200 --out report
  python -m core reproduce --corpus flores:flores200 --transfer-corpus sib200:sib200 --out report
  python -m core reproduce --model bigscience/bloom-560m --corpus flores:flores200 --experts 500 --out report

--corpus is embedded, flores:DIR, ntrex:DIR, sib200:DIR or table:FILE: sentences that mean the same in all languages.
--tatoeba, --bucc and --pawsx take folders in their published layouts; what they measure is left out without them.
Transfer needs labels: embedded and sib200:DIR have them, and a table:FILE with a column label.
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options; those of an experiment mean the same here, but a reproduction has defaults of its own."""
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder to write the report into")
    model = parser.add_argument_group("model")
    for setting in (*in_group("model"), SETTINGS["experts"]):
        options.add_setting(model, setting)
    _add_sentences(parser.add_argument_group("sentences"))
    _add_texts(parser.add_argument_group("choice of k"))
    beyond = parser.add_argument_group("beyond the paper")
    beyond.add_argument(
        "--method-sentences",
        type=int,
        default=Options.method_sentences,
        metavar="N",
        help="the first N evaluation rows, on which methods and scores are compared (default: %(default)s)",
    )
    beyond.add_argument(
        "--compare-methods",
        dest="methods_compared",
        type=split_names,
        default=Options.methods_compared,
        metavar="NAME,...",
        help="interventions, or all, that are also compared by transfer, the language written and perplexity",
    )
    # An older name; it still reads.
    beyond.add_argument(
        "--footing", dest="methods_compared", type=split_names, default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    other = parser.add_argument_group("other")
    options.add_setting(other, SETTINGS["seed"])
    options.add_engine(
        other,
        "what reads neurons, embeds and measures the spaces of all targets, as for the command sweep (default: local)",
    )
    options.add_gpus_per_model(
        other,
        "with --engine ray: GPUs of each of its workers, over which it spreads a model (default: they compute on the "
        "processor)",
    )
    other.add_argument(
        "--items",
        type=split_names,
        default=(),
        metavar="ITEM,...",
        help="measure these alone (default: all); with --keep, a report can be measured in parts",
    )
    other.add_argument(
        "--keep",
        type=split_names,
        default=(),
        metavar="ITEM,...",
        help="items, or all, that the report in --out holds and that are not measured again, on whatever machine and "
        "by whatever version they were: the report says so of each",
    )
    options.add_cache(other)


def _add_sentences(group: Any) -> None:
    group.add_argument("--corpus", default=Options.corpus, metavar="SPEC", help="multi-parallel (default: embedded)")
    group.add_argument("--tatoeba", metavar="DIR", type=Path, help="pairs with English")
    group.add_argument("--bucc", metavar="DIR", type=Path, help="pairs with English")
    group.add_argument(
        "--bucc-distractors",
        metavar="N|all",
        type=options.count_or_all,
        help="mine BUCC's pairs among the first N other sentences of each text as well, or among all of them",
    )
    group.add_argument("--pawsx", metavar="DIR", type=Path, help="paraphrases")
    group.add_argument("--transfer-corpus", metavar="SPEC", help="sentences with labels (default: those of --corpus)")
    group.add_argument("--targets", type=split_names, metavar="LANG,...", help="default: en,de,fr,es,ja, where there")
    group.add_argument("--languages", type=split_names, metavar="LANG,...", help="default: the paper's 22, where there")
    group.add_argument("--sentences", type=int, metavar="N", help="the first N evaluation rows (default: all)")
    group.add_argument("--probe-sentences", type=int, metavar="N", help="the first N probe rows (default: all)")
    group.add_argument(
        "--pair-sentences", type=int, metavar="N", help="the first N pairs of Tatoeba, BUCC and PAWS-X (default: all)"
    )


def _add_texts(group: Any) -> None:
    group.add_argument(
        "--sweep",
        type=options.numbers(int),
        default=SWEEP,
        metavar="K,...",
        help=f"numbers of experts to write text with (default: {','.join(map(str, SWEEP))}; K itself is added)",
    )
    group.add_argument(
        "--texts", type=int, default=Options.texts, metavar="N", help="for each k and seed (default: 16)"
    )
    group.add_argument("--seeds", type=int, default=Options.seeds, metavar="N", help="how many (default: 2)")
    group.add_argument(
        "--text-tokens", type=int, default=Options.text_tokens, metavar="N", help="of a text (default: 32)"
    )
    group.add_argument(
        "--perplexity-sentences",
        type=int,
        default=Options.perplexity_sentences,
        metavar="N",
        help="evaluation rows, or paragraphs, on which perplexity is measured (default: 50)",
    )
    group.add_argument(
        "--perplexity-texts",
        metavar="DIR",
        type=Path,
        help="measure it on held-out text, a file a target (ja.txt), on its lines of 100 characters or more",
    )


def _run(arguments: argparse.Namespace) -> None:
    from core.cli.reproduce_work import reproduce
    from core.cluster import connection
    from core.reproduction.settings import Settings

    names = {field.name for field in fields(Options)}
    settings = Settings(**{name: value for name, value in vars(arguments).items() if name in names})
    address, gpus = connection.chosen(arguments.engine), arguments.gpus_per_model
    _check_gpus(gpus, address)
    reproduce(
        settings,
        arguments.out,
        arguments.cache,
        address,
        gpus=gpus,
        keep=arguments.keep,
        items=arguments.items,
    )


def _check_gpus(gpus: int, address: str | None) -> None:
    """Refuse GPUs a model without a cluster, and a number that is none."""
    what = f"--gpus-per-model {gpus}"
    if gpus < 0:
        raise SettingError(what, "it is no number of GPUs", "Give 1 or more, or leave it out.")
    if gpus and address is None:
        raise SettingError(
            f"{what} without a cluster",
            "the report also writes texts, for which one process needs the whole model",
            "Use --device cuda, or --device sharded for a model that is too large for one GPU; or add --engine ray.",
        )


COMMAND = Command(
    "reproduce",
    "measure every table and figure of the paper, and set them beside the published ones",
    "Measures what Sundar et al. (ACL 2025) published, for any model, and more than that: writes tables (CSV), figures "
    "(SVG, PNG) and one report (HTML, JSON) into --out. It is written again after every item; stopped at any point, "
    "the same command goes on where it was.",
    _add_options,
    _run,
    lambda: _EPILOG,
)
