"""What can be said of written texts beside their language: whether they are texts at all."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.inference.perplexity import Perplexity
from core.language.degeneration import Degeneration, degeneration
from core.stats.units import SHARE, listed


def measured(texts: Sequence[str], predicted: Perplexity | None) -> str:
    """The measures of one side in a line of small print."""
    found = degeneration(texts)
    repeated = "too short to repeat itself" if math.isnan(found.repeated) else f"{SHARE.text(found.repeated)} repeated"
    parts = [f"Four-{found.unit} runs: {repeated}"]
    if found.replaced:
        parts.append(f"replacement characters: {SHARE.text(found.replaced)}")
    if predicted is not None:
        parts.append(f"perplexity under the unmodified model: {predicted.value:,.1f}")
    return "; ".join(parts) + "."


def warning(pre: Sequence[str], post: Sequence[str]) -> str:
    """Say that the intervention's texts are none, where they are worse than the unmodified model's; else nothing."""
    before, after = degeneration(pre), degeneration(post)
    faults = [*_repetition(before, after), *_breaks(before, after)]
    if not faults:
        return ""
    return (
        f"The text with the intervention {listed(faults)}. The probability of a language says nothing about "
        "that: a phrase repeated for ever is still in its language. Fewer neurons, or less strength, disturb less."
    )


def _repetition(before: Degeneration, after: Degeneration) -> list[str]:
    if not after.repetitive or after.repeated <= before.repeated:
        return []
    without = "" if math.isnan(before.repeated) else f" (without it: {SHARE.text(before.repeated)})"
    return [f"repeats itself: {SHARE.text(after.repeated)} of its four-{after.unit} runs occurred before{without}"]


def _breaks(before: Degeneration, after: Degeneration) -> list[str]:
    if not after.broken or after.replaced <= before.replaced:
        return []
    return [f"holds bytes that are no characters ({SHARE.text(after.replaced)})"]
