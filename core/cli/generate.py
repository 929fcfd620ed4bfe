"""The command ``python -m core generate``: what the model writes, and how well it predicts, with and without."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.analyses.text_perplexity import pooled_perplexity
from core.analyses.texts import written
from core.errors import SettingError
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.inference.perplexity import Perplexity
from core.inference.writing import Writing
from core.language import identification
from core.language.codes import label
from core.neurons.interventions import METHODS, TOKENS
from core.neurons.selection import CONTROLS
from core.pipeline.run import Run
from core.stats.intervals import Interval, finite

SUMMARY = "write text with and without an intervention"
DESCRIPTION = (
    "Continues a prompt with the unmodified model and under the intervention, from one seed, and says how likely the "
    "texts are in the target language (by a classifier, among the corpus's languages). With --perplexity, also how "
    "well the model predicts a given text on both sides."
)


@dataclass(frozen=True)
class Report:
    """Both sides' texts and what is measured of them; None where it was not asked for or cannot be."""

    plan: Plan
    writing: Writing
    texts: tuple[tuple[str, ...], tuple[str, ...]]
    shares: tuple[Interval, Interval] | None
    perplexities: tuple[Perplexity, Perplexity] | None

    def to_json(self) -> dict[str, Any]:
        """As the command line writes it."""
        sides = []
        for number, texts in enumerate(self.texts):
            side: dict[str, Any] = {"texts": list(texts)}
            if self.shares:
                side["target_probability"] = {k: finite(v) for k, v in asdict(self.shares[number]).items()}
            if self.perplexities:
                found = self.perplexities[number]
                side["perplexity"] = {"value": finite(found.value), "tokens": found.n_tokens, "texts": found.n_texts}
            sides.append(side)
        return {
            "experiment": self.plan.describe(),
            "writing": asdict(self.writing),
            "pre": sides[0],
            "post": sides[1],
        }


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``generate`` beside those of every command, whose --seed is the writing's as well."""
    asked, default = Experiment(), Writing()
    written_to = parser.add_argument_group("intervention")
    written_to.add_argument("--method", default=asked.method, choices=METHODS, help="what is written (see below)")
    written_to.add_argument("--strength", type=float, default=asked.strength, metavar="S", help="0: unmodified; 1")
    # --tokens is a number here, as everywhere in generation; so where it is written has a name of its own.
    written_to.add_argument("--written-to", dest="tokens", choices=TOKENS, help="tokens: all (default), ...")
    written_to.add_argument("--control", default=asked.control, choices=CONTROLS, help="random neurons instead")
    group = parser.add_argument_group("text")
    group.add_argument("--prompt", default="", help="to continue; empty (default): from the model's first token")
    group.add_argument(
        "--tokens", dest="max_tokens", type=int, metavar="N", default=default.tokens, help="of a text (default: 40)"
    )
    group.add_argument("--samples", type=int, metavar="N", default=default.samples, help="texts a side (default: 1)")
    group.add_argument("--temperature", type=float, default=default.temperature, help="default: 1; 0: likeliest")
    group.add_argument("--top-p", type=float, default=default.top_p, help="default: 0.9")
    group.add_argument("--perplexity", metavar="FILE", type=Path, help="also of the text in FILE (UTF-8)")
    group.add_argument("--json", metavar="FILE", type=Path, help="write texts and measures to FILE")


def write(run: Run, arguments: argparse.Namespace) -> Report:
    """What the options ask for."""
    writing = Writing(
        arguments.prompt,
        arguments.max_tokens,
        arguments.samples,
        arguments.temperature,
        arguments.top_p,
        run.plan.experiment.seed,
    )
    writing.check()
    paragraphs = _read(arguments.perplexity) if arguments.perplexity else ()
    intervention = run.stages.intervention(run.experts())
    texts = (written(run, writing, None), written(run, writing, intervention))
    target, among = run.plan.target, run.plan.corpus.languages
    shares = None
    if not identification.unknown((target,)):
        pre, post = (identification.share(side, target, among) for side in texts)
        shares = (pre, post)
    both = (
        (pooled_perplexity(run, paragraphs, None), pooled_perplexity(run, paragraphs, intervention))
        if paragraphs
        else None
    )
    return Report(run.plan, writing, texts, shares, both)


def summary(report: Report) -> str:
    """Texts and measures as lines of text."""
    lines = []
    for title, texts in zip(("without the intervention", "with the intervention"), report.texts, strict=True):
        lines += ["", f"{title}:"]
        lines += [f"  {number}. {' '.join(text.split())}" for number, text in enumerate(texts, start=1)]
    lines.append("")
    if report.shares:
        pre, post = map(_share, report.shares)
        lines.append(f"probability of {label(report.plan.target)}, n = {report.shares[0].n}: {pre} -> {post}")
        lines.append(
            f"  by py3langid among {', '.join(report.plan.languages)}; mean, 95% bootstrap interval over texts"
        )
    else:
        lines.append(f"the classifier does not know {label(report.plan.target)}")
    if report.perplexities:
        before, after = report.perplexities
        lines.append(
            f"perplexity: {before.value:,.2f} -> {after.value:,.2f} "
            f"({before.n_tokens:,} tokens of {before.n_texts:,} paragraphs)"
        )
    return "\n".join(lines)


def _share(share: Interval) -> str:
    spread = "" if math.isnan(share.low) else f" ({share.low:.3f} to {share.high:.3f})"
    return f"{share.value:.3f}{spread}"


def _read(path: Path) -> tuple[str, ...]:
    """Paragraphs of a file: lines that are not empty."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"perplexity of {path}", str(error), "Name a text file in UTF-8.") from error
    found = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not found:
        raise SettingError(f"perplexity of {path}", "there is no text in it", "Name a file with some.")
    return found
