"""Perplexity of texts under an experiment's model, kept in the store."""

from __future__ import annotations

from typing import Any

from core.analyses.texts import check_generates, intervention_spec
from core.inference.perplexity import STRIDE, WINDOW, Perplexity, perplexity
from core.neurons.interventions import Intervention
from core.pipeline.run import Run
from core.store.artefact import Payload
from core.store.files import digest
from core.store.stage import STAGES


def measured(run: Run, texts: tuple[str, ...], intervention: Intervention | None) -> Perplexity:
    """Perplexity of texts, from the store if it was measured before; raises `NotCached`, `AskError`, `Cancelled`."""
    check_generates(run)
    spec = STAGES["perplexity"].spec(
        model=run.plan.resolved.identity,
        texts=digest({"texts": list(texts)}),
        window=[WINDOW, STRIDE],
        **intervention_spec(run, intervention),
    )

    def compute() -> Payload:
        model = run.model()
        side = "without" if spec["intervention"] is None else "with"
        tokens = sum(len(model.tokenizer(text)["input_ids"]) for text in texts)
        run.progress.stage(f"predicting the text {side} the intervention", tokens)
        found = perplexity(
            model,
            texts,
            intervention=intervention,
            neurons=run.plan.outline.neurons,
            advance=run.progress.advance,
        )
        return Payload(facts={"nll": found.nll, "n_tokens": found.n_tokens, "n_texts": found.n_texts})

    def read(artefact: Any) -> Perplexity:
        facts = artefact.facts
        return Perplexity(float(facts["nll"]), int(facts["n_tokens"]), int(facts["n_texts"]))

    return run.stages.get("perplexity", spec, compute, read)
