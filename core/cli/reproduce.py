"""The command ``python -m core reproduce``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from core.cli import output
from core.errors import AskError, SettingError
from core.experiment.plan import Plan
from core.models.spec import DTYPES
from core.pipeline.engine import Engine
from core.progress import duration
from core.reproduction.items import ITEMS
from core.reproduction.reader import summary
from core.reproduction.report import Report
from core.reproduction.session import Session
from core.reproduction.settings import SWEEP, Settings, bound
from core.reproduction.steps import Step, Timetable
from core.store.store import Store

SUMMARY = "measure every table and figure of the paper, and set them beside the published ones"
DESCRIPTION = (
    "Measures what Sundar et al. (ACL 2025) published, for any model, and more than that: writes tables (CSV), figures "
    "(SVG, PNG) and one report (HTML, JSON) into --out. It is written again after every item; stopped at any point, "
    "the same command goes on where it was."
)
EPILOG = """
examples
  python -m core reproduce --out report
  python -m core reproduce --corpus flores:flores200 --tatoeba tatoeba --sentences 200 --out report
  python -m core reproduce --model bigscience/bloom-560m --corpus flores:flores200 --experts 500 --out report

--corpus is embedded, flores:DIR or table:FILE: sentences that mean the same in all languages. --tatoeba, --bucc and
--pawsx take folders in their published layouts; what they measure is left out without them.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``reproduce``."""
    default = Settings()
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder to write the report into")
    model = parser.add_argument_group("model")
    model.add_argument("--model", default=default.model, help="embedded (default), a hub id, or a folder")
    model.add_argument("--revision", help="branch, tag or commit of a model on the hub")
    model.add_argument("--dtype", default="auto", choices=["auto", *DTYPES], help="default: bfloat16 where native")
    model.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1 or mps")
    model.add_argument("--experts", type=int, default=default.experts, metavar="K", help="how many (default: 2000)")
    rows = parser.add_argument_group("sentences")
    rows.add_argument("--corpus", default=default.corpus, metavar="SPEC", help="multi-parallel (default: embedded)")
    rows.add_argument("--tatoeba", metavar="DIR", type=Path, help="pairs with English")
    rows.add_argument("--bucc", metavar="DIR", type=Path, help="pairs with English")
    rows.add_argument("--pawsx", metavar="DIR", type=Path, help="paraphrases")
    rows.add_argument("--targets", type=_names, metavar="LANG,...", help="default: en,de,fr,es,ja, where there")
    rows.add_argument("--languages", type=_names, metavar="LANG,...", help="default: the paper's 22, where there")
    rows.add_argument("--sentences", type=int, metavar="N", help="the first N evaluation rows (default: all)")
    rows.add_argument("--probe-sentences", type=int, metavar="N", help="the first N probe rows (default: all)")
    rows.add_argument(
        "--pair-sentences", type=int, metavar="N", help="the first N pairs of Tatoeba, BUCC and PAWS-X (default: all)"
    )
    text = parser.add_argument_group("choice of k")
    text.add_argument(
        "--sweep",
        type=_counts,
        default=SWEEP,
        metavar="K,...",
        help=f"numbers of experts to write text with (default: {','.join(map(str, SWEEP))}; K itself is added)",
    )
    text.add_argument("--texts", type=int, default=default.texts, metavar="N", help="for each k and seed (default: 16)")
    text.add_argument("--seeds", type=int, default=default.seeds, metavar="N", help="how many (default: 2)")
    text.add_argument(
        "--text-tokens", type=int, default=default.text_tokens, metavar="N", help="of a text (default: 32)"
    )
    text.add_argument(
        "--perplexity-sentences",
        type=int,
        default=default.perplexity_sentences,
        metavar="N",
        help="evaluation rows, or paragraphs, on which perplexity is measured (default: 50)",
    )
    text.add_argument(
        "--perplexity-texts",
        metavar="DIR",
        type=Path,
        help="measure it on held-out text, a file a target (ja.txt), on its lines of 100 characters or more",
    )
    beyond = parser.add_argument_group("beyond the paper")
    beyond.add_argument(
        "--method-sentences",
        type=int,
        default=default.method_sentences,
        metavar="N",
        help="the first N evaluation rows, on which methods and scores are compared (default: 100)",
    )


def reproduce(arguments: argparse.Namespace) -> None:
    """Do what the options ask for; see `Report` for what is written when."""
    try:
        _reproduce(arguments)
    except OSError as error:  # a full disk, above all: every file is written whole or not at all
        raise SettingError(
            f"go on with the report in {arguments.out}",
            str(error),
            "Make room on the disk, or mend what it names; the same command then goes on where it was.",
        ) from error


def _reproduce(arguments: argparse.Namespace) -> None:
    asked = Settings(**{field.name: getattr(arguments, field.name) for field in fields(Settings)})
    settings, plan = bound(asked)
    _check_folder(arguments.out, settings, plan)
    session = Session(Engine(Store(arguments.cache)), settings, plan)
    report = Report(arguments.out, session)
    timetable = _timetable(session, report)
    for item in ITEMS:
        if item.name in report.left_out:
            continue
        try:
            for step in [step for step in timetable.steps if step.item == item.name]:
                timetable.run(step)
                report.spent(timetable)
            timetable.account(f"{item.name}: tables and figures", partial(report.add, item))
        except AskError as error:  # the others can still be measured
            print(f"{item.name}: {error}", file=sys.stderr)
            report.fail(item, str(error))
    report.finish()
    print(_summary(report, timetable))


def _timetable(session: Session, report: Report) -> Timetable:
    steps: list[Step] = []
    for item in ITEMS:
        if why := item.why_not(session):
            report.leave_out(item, why)
        else:
            steps += item.steps(session)
    timetable = Timetable(steps, report.earlier("seconds_by_step"), report.earlier("seconds_by_stage"))
    if timetable.left() >= 1:
        print(f"{len(steps)} steps, about {duration(timetable.left())}", file=sys.stderr)
    return timetable


def _summary(report: Report, timetable: Timetable) -> str:
    lines = ["", *report.in_words(), "", "time, earlier runs included"]
    by_item: dict[str, float] = {}
    for name, seconds in timetable.by_step.items():
        item = name.partition(":")[0]
        by_item[item] = by_item.get(item, 0.0) + seconds
    lines += [f"  {item:<16} {duration(seconds)}" for item, seconds in by_item.items()]
    lines.append(f"  {'in all':<16} {duration(sum(by_item.values()))}")
    lines += ["of it"] + [
        f"  {duration(seconds):>12}  {stage}"
        for stage, seconds in sorted(timetable.by_stage.items(), key=lambda pair: -pair[1])
        if seconds >= 0.5
    ]
    return "\n".join([*lines, "", f"report: {report.folder / 'report.html'}"])


def _check_folder(folder: Path, settings: Settings, plan: Plan) -> None:
    """Refuse a folder that cannot be written to, or that holds the report of another reproduction."""
    output.check_folder(folder, "a report")
    if not (folder / "report.json").exists():
        return
    before: dict[str, Any] = summary(folder)["settings"]
    ours = Report.comparable(settings, plan)
    differing = [name for name, value in ours.items() if before.get(name) != value]
    if differing:
        raise SettingError(
            f"write a report into {folder}",
            "it holds one with another "
            + ", ".join(f"{name.replace('_', ' ')} ({before.get(name)}, now {ours[name]})" for name in differing[:3]),
            "Name another folder, or take that report away.",
        )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _counts(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(name) for name in _names(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers such as 100,500") from None
