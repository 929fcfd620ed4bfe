"""Texts that an experiment's model writes, kept in the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from core.experiment.plan import Plan
from core.inference import generation
from core.inference.writing import Writing
from core.neurons.interventions import Intervention
from core.pipeline.run import Run
from core.store.artefact import Artefact, Payload
from core.store.stage import STAGES

# What the progress report says while texts of either side are written.
TITLES = {
    "pre": f"{STAGES['written'].title} without the intervention",
    "post": f"{STAGES['written'].title} with the intervention",
}


def check_generates(run: Run) -> None:
    """Refuse a model that is no causal language model, before it is loaded; raises `ModelError`."""
    generation.check_generates(run.plan.resolved.name, run.plan.outline.generates)


def as_message(plan: Plan, writing: Writing) -> bool:
    """Whether the prompt is put to the model in its chat template: where it has one, and there is a prompt."""
    return bool(writing.prompt) and plan.outline.chat


def written(
    run: Run,
    writing: Writing,
    intervention: Intervention | None,
    on_text: Callable[[list[str]], None] = lambda _: None,
) -> tuple[str, ...]:
    """The texts that the model writes, from the store if it wrote them before.

    Without an intervention (or with the identity) neither experts nor strength are in the spec, so that a change of
    these writes the other side alone.

    Parameters
    ----------
    intervention : Intervention or None
        None for the unmodified model.
    on_text : callable
        Called with all texts so far, after each token; once where they are stored.

    Returns
    -------
    tuple of str, (n_samples,)

    Raises
    ------
    AskError, NotCached, Cancelled
    """
    writing.check()
    check_generates(run)
    spec = written_spec(run, writing, intervention)

    def compute() -> Payload:
        model = run.model()
        run.progress.stage(TITLES["pre" if spec["intervention"] is None else "post"], writing.tokens)
        texts = generation.generate(
            model,
            writing.prompt,
            n_samples=writing.samples,
            max_tokens=writing.tokens,
            temperature=writing.temperature,
            top_p=writing.top_p,
            seed=writing.seed,
            intervention=intervention,
            neurons=run.plan.outline.neurons,
            as_message=as_message(run.plan, writing),
            advance=lambda _: run.progress.advance(),
            on_text=on_text,
        )
        return Payload(facts={"texts": texts})

    texts = run.stages.get("written", spec, compute, _texts)
    on_text(list(texts))
    return texts


def written_spec(run: Run, writing: Writing, intervention: Intervention | None) -> dict[str, Any]:
    """What determines the texts of one side."""
    return STAGES["written"].spec(
        model=run.plan.resolved.identity,
        writing=asdict(writing),
        **({"as_message": True} if as_message(run.plan, writing) else {}),
        **({"decoding": 2} if _written_otherwise_before(run.plan, writing) else {}),
        **intervention_spec(run, intervention),
    )


def _written_otherwise_before(plan: Plan, writing: Writing) -> bool:
    """Whether an earlier version wrote other texts: by the model's own settings, or with filling taken for words."""
    return plan.outline.shapes_text or (writing.samples > 1 and not plan.outline.pads)


def intervention_spec(run: Run, intervention: Intervention | None) -> dict[str, Any]:
    """Return the part of a spec that names the intervention; None in it stands for none, or for the identity."""
    if intervention is None or intervention.is_identity:
        return {"intervention": None}
    return {"intervention": intervention.digest, "neurons": list(run.plan.experiment.neurons)}


def _texts(artefact: Artefact) -> tuple[str, ...]:
    texts: Any = artefact.facts["texts"]
    return tuple(map(str, texts))
