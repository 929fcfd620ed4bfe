"""The command line: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import (
    apart,
    experts,
    gpu,
    loading,
    machine,
    motion,
    packs,
    pages,
    passes,
    peers,
    readme,
    recorded,
    reliability,
    scaling,
    spaces,
    sweeps,
    trials,
)
from benchmarks.rows import Benchmark, Row, measured
from benchmarks.setting import Setting

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
ALL: tuple[Benchmark, ...] = (
    *experts.BENCHMARKS,
    *passes.BENCHMARKS,
    *peers.BENCHMARKS,
    *loading.BENCHMARKS,
    *spaces.BENCHMARKS,
    *motion.BENCHMARKS,
    *pages.BENCHMARKS,
    *apart.BENCHMARKS,
    *sweeps.BENCHMARKS,
    *packs.BENCHMARKS,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 0 if every row that was run holds."""
    options = _parser().parse_args(arguments)
    if options.what == "scaling":
        return scaling.run(RESULTS.parent)
    if options.what == "gpu":
        return gpu.run()
    if options.what == "trials":
        return trials.run(RESULTS.parent, options.flores)
    if options.what == "reliability":
        return reliability.run(RESULTS.parent, options.small, options.soak)
    if options.what == "readme":
        return readme.run(options.flores, options.record, _command(options), options.runs or ())
    if options.list:
        for benchmark in ALL:
            print(f"{benchmark.name:26} {benchmark.target!s:>8}  {benchmark.what}, against {benchmark.against}")
        return 0
    selected = [benchmark for benchmark in ALL if not options.only or benchmark.name in options.only]
    facts = machine.facts(_command(options))
    setting = Setting(options.flores)
    rows = []
    for benchmark in selected:
        rows.append(measured(benchmark, setting))
        print(_line(rows[-1]), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps([row.as_json() for row in rows], indent=1) + "\n", encoding="utf-8")
    if not options.only:
        RESULTS.write_text(_report(selected, rows, facts), encoding="utf-8")
    return int(any(row.holds is False for row in rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what the product claims.")
    parser.add_argument(
        "what",
        nargs="?",
        choices=["ratios", "scaling", "trials", "reliability", "readme", "gpu"],
        default="ratios",
        help="ratios (default): the product beside other programs and its own targets, RESULTS.md; scaling: expert "
        "finding as neurons and sentences grow, SCALING.md; trials: what could make a pass faster, TRIALS.md; "
        "reliability: attacks on a server, RELIABILITY.md; readme: the figures of README and docs, "
        "docs/measured.json; gpu: what a machine with a GPU computes, against its processor",
    )
    parser.add_argument(
        "--flores",
        metavar="DIR",
        help="FLORES-200; without it the embedded corpus is measured on, and with readme its figures stay as they are",
    )
    names = [benchmark.name for benchmark in ALL]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help="one row; RESULTS.md stays")
    parser.add_argument("--list", action="store_true", help="the rows, and what they must be")
    parser.add_argument(
        "--from", dest="record", metavar="FILE", type=Path, help="with readme: write the figures of a record"
    )
    parser.add_argument(
        "--run",
        dest="runs",
        action="append",
        choices=recorded.runs("DIR"),
        metavar="NAME",
        help="with readme: measure this run of the record alone, such as 'ja, transfer'",
    )
    parser.add_argument("--small", action="store_true", help="with reliability: a few of each attack")
    parser.add_argument(
        "--soak", metavar="MINUTES", type=float, default=0.0, help="with reliability: mixed visitors for so long"
    )
    parser.add_argument("--json", metavar="FILE", help="write the rows to a file")
    return parser


def _command(options: argparse.Namespace) -> str:
    """The command without the folder of FLORES, which is valid on this machine only."""
    return (
        "python -m benchmarks"
        + (" readme" if options.what == "readme" else "")
        + (" --flores DIR" if options.flores else "")
        + "".join(f" --run {shlex.quote(name)}" for name in options.runs or ())
    )


def _number(ratio: float | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}"


def _line(row: Row) -> str:
    return f"{row.name:26} {_number(row.ratio):>8}  {row.target:>8}  {row.verdict:8} {row.detail}"


def _report(selected: Sequence[Benchmark], rows: Sequence[Row], facts: dict[str, str]) -> str:
    lines = [
        "# Results",
        "",
        "Both sides of each ratio were measured in one run, in turns; a ratio is the median over the rounds.",
        "",
        machine.as_markdown(facts),
        "",
        "| row | what | against | ratio | target | holds |",
        "|---|---|---|---|---|---|",
        *(
            f"| {row.name} | {b.what} | {b.against} | {_number(row.ratio)} | {row.target} | {row.verdict} |"
            for b, row in zip(selected, rows, strict=True)
        ),
        "",
        "## In detail",
        "",
        *(f"- **{row.name}**: {' '.join(row.detail.split())}" for row in rows),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
