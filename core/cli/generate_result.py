"""The result of the command ``generate``: both sides' texts and their measures, as JSON and as text."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.analyses.text_perplexity import own_perplexity, pooled_perplexity
from core.analyses.texts import as_message, written
from core.corpora.validation import text_lines
from core.errors import SettingError
from core.experiment.plan import Plan
from core.inference.perplexity import Perplexity
from core.inference.writing import Writing
from core.language import identification
from core.language.codes import label
from core.language.degeneration import Degeneration, degeneration
from core.pipeline.run import Run
from core.stats.intervals import Interval, finite
from core.stats.units import counted


@dataclass(frozen=True)
class Report:
    """Both sides' texts and their measures; a measure is None if it was not requested or is impossible."""

    plan: Plan
    writing: Writing
    texts: tuple[tuple[str, ...], tuple[str, ...]]
    shares: tuple[Interval, Interval] | None
    perplexities: tuple[Perplexity, Perplexity] | None
    own_perplexities: tuple[Perplexity | None, Perplexity | None]

    def to_json(self) -> dict[str, Any]:
        """Return the report as the command line writes it."""
        sides = []
        for number, texts in enumerate(self.texts):
            side: dict[str, Any] = {"texts": list(texts)}
            if self.shares:
                side["target_probability"] = {k: finite(v) for k, v in asdict(self.shares[number]).items()}
            measures = asdict(degeneration(texts))
            side["degeneration"] = {k: finite(v) if isinstance(v, float) else v for k, v in measures.items()}
            own = self.own_perplexities[number]
            side["perplexity_unmodified"] = None if own is None else finite(own.value)
            if self.perplexities:
                perplexity = self.perplexities[number]
                side["perplexity"] = {
                    "value": finite(perplexity.value),
                    "tokens": perplexity.n_tokens,
                    "texts": perplexity.n_texts,
                }
            sides.append(side)
        return {
            "experiment": self.plan.describe(),
            "writing": asdict(self.writing) | {"chat_template": as_message(self.plan, self.writing)},
            "pre": sides[0],
            "post": sides[1],
        }


def write(run: Run, writing: Writing, perplexity_of: Path | None) -> Report:
    """Let the model write with and without the intervention, and measure the texts.

    Parameters
    ----------
    perplexity_of : Path, optional
        A text whose perplexity is measured on both sides; its lines are the paragraphs.
    """
    writing.check()
    paragraphs = _read(perplexity_of) if perplexity_of else ()
    intervention = run.stages.intervention(run.experts())
    texts = (written(run, writing, None), written(run, writing, intervention))
    target, languages = run.plan.target, run.plan.corpus.languages
    shares = None
    if not identification.unknown((target,)):
        pre, post = (identification.share(side, target, languages) for side in texts)
        shares = (pre, post)
    perplexities = (
        (pooled_perplexity(run, paragraphs, None), pooled_perplexity(run, paragraphs, intervention))
        if paragraphs
        else None
    )
    own_pre, own_post = (own_perplexity(run, side) for side in texts)
    return Report(run.plan, writing, texts, shares, perplexities, (own_pre, own_post))


def summary(report: Report) -> str:
    """Texts and measures as lines of text."""
    lines = ["", "the prompt is a user's message in the model's chat template; the texts are its answers"]
    lines = lines if as_message(report.plan, report.writing) else []
    for title, texts in zip(("without the intervention", "with the intervention"), report.texts, strict=True):
        lines += ["", f"{title}:"]
        lines += [f"  {number}. {' '.join(text.split())}" for number, text in enumerate(texts, start=1)]
    lines.append("")
    if report.shares:
        share_pre, share_post = map(_share, report.shares)
        lines.append(
            f"probability of {label(report.plan.target)}, n = {report.shares[0].n}: {share_pre} -> {share_post}"
        )
        languages = report.plan.corpus.languages
        strange = identification.unknown(languages)
        among = ", ".join(code for code in languages if code not in strange)
        lines.append(f"  by py3langid among {among}; mean, 95% bootstrap interval over texts")
    else:
        lines.append(f"the classifier does not know {label(report.plan.target)}")
    pre, post = (degeneration(side) for side in report.texts)
    lines.append(
        f"repeated 4-grams: {_repeated(pre)} -> {_repeated(post)}; "
        f"replacement characters: {pre.replaced:.1%} -> {post.replaced:.1%}"
    )
    if all(report.own_perplexities):
        own_pre, own_post = (side.value for side in report.own_perplexities if side)
        lines.append(f"perplexity of the texts under the unmodified model: {own_pre:,.1f} -> {own_post:,.1f}")
    if report.perplexities:
        before, after = report.perplexities
        lines.append(
            f"perplexity: {before.value:,.2f} -> {after.value:,.2f} "
            f"({counted(before.n_tokens, 'token')} of {counted(before.n_texts, 'paragraph')})"
        )
    return "\n".join(lines)


def _repeated(side: Degeneration) -> str:
    """The share of repeated 4-grams; none where no text has four units."""
    return "-" if math.isnan(side.repeated) else f"{side.repeated:.1%}"


def _share(share: Interval) -> str:
    spread = "" if math.isnan(share.low) else f" ({share.low:.3f} to {share.high:.3f})"
    return f"{share.value:.3f}{spread}"


def _read(path: Path) -> tuple[str, ...]:
    """Paragraphs of a file: lines that are not empty."""
    try:
        paragraphs = text_lines(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"perplexity of {path}", str(error), "Name a text file in UTF-8.") from error
    if not paragraphs:
        raise SettingError(f"perplexity of {path}", "there is no text in it", "Name a file with some.")
    return paragraphs
