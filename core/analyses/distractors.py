"""Further sentences of BUCC's texts, which translate nothing: candidates that mining must not pair.

They are embedded in both spaces, as the evaluation's sentences are; `core.analyses.rival_spaces` mines among them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from core.corpora import bucc
from core.corpora.corpus import ParallelSet
from core.errors import SettingError
from core.experiment.plan import Plan
from core.neurons.interventions import Intervention
from core.pipeline.run import Run
from core.pipeline.stages import Stages

Distractors = int | Literal["all"]
"""How many sentences of each text that translate nothing are candidates in mining."""


def check_distractors(plan: Plan, distractors: Distractors | None) -> None:
    """Refuse distractors that cannot be, before any work.

    Raises
    ------
    SettingError
    """
    if distractors is None:
        return
    asked = "all" if distractors == "all" else f"{distractors:,}"
    if plan.corpus.kind != "bucc":
        raise SettingError(
            f"{asked} distractors from {plan.corpus.spec}",
            "it has no sentences without a translation",
            "Leave them out, or evaluate on BUCC's texts (--corpus bucc:DIR).",
        )
    if distractors != "all" and distractors < 1:
        raise SettingError(
            f"{asked} distractors", "at least one must be", "Ask for 1 or more, for all, or leave it out."
        )


def distractor_rows(plan: Plan, distractors: Distractors) -> tuple[ParallelSet, ...]:
    """Read further sentences of BUCC's texts; one set of one language a set of rows and language, in that order."""
    spec = plan.corpus.spec
    place, first = Path(spec.partition(":")[2]).expanduser(), None if distractors == "all" else distractors
    rows = []
    for group in plan.groups:
        (code,) = (code for code in group.languages if code != "en")
        texts = bucc.distractors(spec, place, code, first)
        for language in group.languages:
            names = tuple(f"{code}:{language}:{row}" for row in range(len(texts[language])))
            rows.append(ParallelSet(names, {language: texts[language]}))
    return tuple(rows)


def embed_distractors(run: Run, intervention: Intervention, distractors: Distractors) -> Stages:
    """Embed further sentences in both spaces."""
    rows = distractor_rows(run.plan, distractors)
    return run.beside(rows, {"before": None, "after": intervention}, " of the distractors")


def counted_distractors(distractors: Stages) -> str:
    """How many further sentences are candidates, for the notes."""
    counts = ", ".join(f"{rows.languages[0]} {len(rows):,}" for rows in distractors.plan.groups)
    return f"Mining alone has further sentences of the texts, which translate nothing, as candidates: {counts}."
