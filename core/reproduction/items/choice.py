"""Item 2: what the number of experts does to the model's text, and to how well it predicts the target language."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from core.analyses.texts import intervention_spec, written
from core.inference.perplexity import STRIDE, WINDOW, perplexity
from core.language import identification
from core.neurons.interventions import Intervention
from core.pipeline.run import Run
from core.reproduction.session import Item, Session
from core.reproduction.settings import paragraphs
from core.reproduction.steps import Step
from core.stats.intervals import Interval, bootstrap_ratio
from core.store.artefact import Payload
from core.store.files import digest
from core.store.stage import STAGES


def likelihoods(run: Run, texts: tuple[str, ...], intervention: Intervention | None) -> tuple[np.ndarray, np.ndarray]:
    """How well the model predicts each text, from the store if it was measured before.

    Returns
    -------
    nll : ndarray of float64, (n_texts,)
        Summed negative log-likelihood of a text's predicted tokens, in nats.
    n_tokens : ndarray of int64, (n_texts,)
        How many these are; 0 for a text of one token.
    """
    spec = STAGES["perplexity-by-text"].spec(
        model=run.plan.resolved.identity,
        texts=digest({"texts": list(texts)}),
        window=[WINDOW, STRIDE],
        **intervention_spec(run, intervention),
    )

    def compute() -> Payload:
        found: list[tuple[float, int]] = []
        side = "without" if spec["intervention"] is None else "with"
        model = run.model()
        run.progress.stage(f"predicting the target's sentences {side} the intervention", len(texts))

        def note(nll: float, n_tokens: int) -> None:
            found.append((nll, n_tokens))
            run.progress.advance()

        perplexity(model, texts, intervention=intervention, neurons=run.plan.outline.neurons, on_text=note)
        nll, n_tokens = zip(*found, strict=True)
        return Payload(arrays={"nll": np.array(nll, np.float64), "n_tokens": np.array(n_tokens, np.int64)})

    return run.stages.get(
        "perplexity-by-text", spec, compute, lambda artefact: (artefact.array("nll"), artefact.array("n_tokens"))
    )


def pooled(nll: np.ndarray, n_tokens: np.ndarray, seed: int = 0) -> Interval:
    """Perplexity over texts, with a percentile bootstrap over them.

    Parameters
    ----------
    nll, n_tokens : ndarray, (n_texts,)
        As `likelihoods` gives them.
    """
    kept = n_tokens > 0
    loss = bootstrap_ratio(nll[kept], n_tokens[kept], seed=seed)
    with np.errstate(over="ignore"):
        value, (low, high) = np.exp(loss.value), np.exp([loss.low, loss.high])
    return Interval(float(value), float(low), float(high), loss.n)


def _held_out(session: Session, run: Run) -> tuple[str, ...]:
    """What perplexity is measured on: paragraphs of a file where there are some, else the first evaluation rows."""
    settings, target = session.settings, run.plan.target
    if settings.perplexity_texts is not None:
        return paragraphs(settings, target)
    return run.plan.groups[0].texts[target][: settings.perplexity_sentences]


def _side(session: Session, run: Run, intervention: Intervention | None) -> list[dict[str, Any]]:
    """Both measures of one side."""
    settings, target = session.settings, run.plan.target
    rows: list[dict[str, Any]] = []
    texts = tuple(text for writing in settings.writings() for text in written(run, writing, intervention))
    if not identification.unknown((target,)):
        share = identification.share(texts, target, run.plan.corpus.languages)
        rows.append(_row("probability", share.value, share.low, share.high, share.n))
    nll, n_tokens = likelihoods(run, _held_out(session, run), intervention)
    found = pooled(nll, n_tokens, settings.seed)
    rows.append(_row("perplexity", found.value, found.low, found.high, len(nll)))
    return rows


def _row(measure: str, value: float, low: float, high: float, n: int) -> dict[str, Any]:
    return {"measure": measure, "value": value, "low": low, "high": high, "n": n}


def _at(session: Session, target: str, k: int) -> pd.DataFrame:
    """Rows of one number of experts, 0 for the unmodified model."""
    experiment = session.settings.experiment(target, experts=k or session.settings.experts)
    frame = pd.DataFrame(session.ask(experiment, lambda run: _measured(session, run, unmodified=k == 0)))
    space = "pre" if k == 0 else "post"
    return session.labelled(frame.assign(space=space), experiment).assign(k=k)


def _measured(session: Session, run: Run, unmodified: bool) -> list[dict[str, Any]]:
    return _side(session, run, None if unmodified else run.stages.intervention(run.experts()))


def _counts(session: Session) -> tuple[int, ...]:
    return (0, *session.settings.sweep)


def _steps(session: Session) -> list[Step]:
    settings = session.settings
    size = session.plan.outline.n_parameters / 2.7e8
    # As measured on two cores: a step of a few texts side by side, and a sentence with its head.
    seconds = size * (0.12 * settings.seeds * settings.text_tokens + 0.12 * settings.perplexity_sentences)
    steps = []
    for number, target in enumerate(session.targets):
        for k in _counts(session):
            experiment = settings.experiment(target, experts=k or settings.experts)
            title = f"{target}, k = {k:,}" if k else f"{target}, unmodified"
            expected = seconds if k or number == 0 else seconds / 2  # the unmodified model's texts serve all targets

            def work(run: Run, unmodified: bool = k == 0) -> object:
                return _measured(session, run, unmodified)

            steps.append(session.step("choice_of_k", title, experiment, work, expected))
    return steps


def _tables(session: Session) -> dict[str, pd.DataFrame]:
    parts = [_at(session, target, k) for target in session.targets for k in _counts(session)]
    return {"choice_of_k": pd.concat(parts, ignore_index=True)}


def _why_not(session: Session) -> str:
    return "" if session.plan.outline.generates else "The model is not a causal language model: it writes no text."


CHOICE = Item("choice_of_k", "Choice of k", _steps, _tables, _why_not)
