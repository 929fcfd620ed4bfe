"""How well an experiment's model predicts given texts, with and without the intervention; kept in the store."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.analyses.texts import check_generates, intervention_spec
from core.errors import SettingError
from core.inference import perplexity
from core.inference.perplexity import STRIDE, WINDOW, Likelihoods, Perplexity
from core.neurons.interventions import Intervention
from core.pipeline.run import Run
from core.stats.intervals import Interval, bootstrap_ratio
from core.store.artefact import Payload
from core.store.files import digest
from core.store.stage import STAGES, NotCached


def likelihoods(run: Run, texts: tuple[str, ...], intervention: Intervention | None) -> Likelihoods:
    """How well the model predicts each text, from the store if it was measured before.

    Parameters
    ----------
    intervention : Intervention or None
        None for the unmodified model.

    Raises
    ------
    AskError, NotCached, Cancelled
    """
    check_generates(run)
    spec = STAGES["perplexity-by-text"].spec(**_inputs(run, texts, intervention))

    def compute() -> Payload:
        model = run.model()
        side = "without" if spec["intervention"] is None else "with"
        tokens = sum(len(model.tokenizer(text)["input_ids"]) for text in texts)
        run.progress.stage(f"{STAGES['perplexity-by-text'].title} {side} the intervention", tokens)
        measured = perplexity.likelihoods(
            model,
            texts,
            intervention=intervention,
            neurons=run.plan.outline.neurons,
            advance=run.progress.advance,
        )
        return Payload(arrays={"nll": measured.nll, "n_tokens": measured.n_tokens})

    return run.stages.get(
        "perplexity-by-text",
        spec,
        compute,
        lambda artefact: Likelihoods(artefact.array("nll"), artefact.array("n_tokens")),
    )


def pooled_perplexity(run: Run, texts: tuple[str, ...], intervention: Intervention | None) -> Perplexity:
    """Perplexity over all tokens of all texts; parameters and errors are those of `likelihoods`.

    Earlier versions of the product stored only the sums over all texts; these are still read.
    """
    inputs, store = _inputs(run, texts, intervention), run.stages.store
    sums = store.find("perplexity", STAGES["perplexity"].spec(**inputs))
    if sums is not None and store.find("perplexity-by-text", STAGES["perplexity-by-text"].spec(**inputs)) is None:
        facts: Any = sums.facts
        return Perplexity(float(facts["nll"]), int(facts["n_tokens"]), int(facts["n_texts"]))
    return likelihoods(run, texts, intervention).pooled


def own_perplexity(run: Run, texts: tuple[str, ...]) -> Perplexity | None:
    """How well the *unmodified* model predicts texts that were written, whoever wrote them.

    None where nothing can be predicted (no text of two tokens), or where it was not measured yet and may not be now.
    """
    try:
        measured = pooled_perplexity(run, texts, None) if any(text.strip() for text in texts) else None
    except (NotCached, SettingError):
        return None
    return measured if measured is not None and measured.n_tokens else None


def perplexity_interval(measured: Likelihoods, seed: int = 0) -> Interval:
    """Perplexity over texts, with a percentile bootstrap over them; texts without a predicted token are left out."""
    predicted = measured.n_tokens > 0
    loss = bootstrap_ratio(measured.nll[predicted], measured.n_tokens[predicted], seed=seed)
    return _exponential(loss)


def perplexity_ratio(run: Run, texts: tuple[str, ...], intervention: Intervention | None) -> Interval:
    """Perplexity of texts under an intervention as a multiple of the unmodified model's, paired over texts.

    It is the exponential of the mean difference per token, bootstrapped; errors are those of `likelihoods`.
    """
    pre, post = likelihoods(run, texts, None), likelihoods(run, texts, intervention)
    return _exponential(bootstrap_ratio(post.nll - pre.nll, pre.n_tokens))


def _exponential(loss: Interval) -> Interval:
    """A loss in nats a token, or a difference of two, as perplexity or a ratio of two."""
    with np.errstate(over="ignore"):
        value, low, high = (float(np.exp(end)) for end in (loss.value, loss.low, loss.high))
    return Interval(value, low, high, loss.n)


def _inputs(run: Run, texts: tuple[str, ...], intervention: Intervention | None) -> dict[str, Any]:
    """What determines how well the texts are predicted."""
    return {
        "model": run.plan.resolved.identity,
        "texts": digest({"texts": list(texts)}),
        "window": [WINDOW, STRIDE],
        **intervention_spec(run, intervention),
    }
