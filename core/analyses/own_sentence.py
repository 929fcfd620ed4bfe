"""A sentence of one's own: its neighbours before and after, its place on the map, the experts' response by token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from core.errors import SettingError
from core.inference.forward import embed_spaces
from core.inference.token_outputs import token_outputs
from core.models.loaded_model import LoadedModel
from core.neurons.experts import Experts
from core.neurons.interventions import Intervention
from core.pipeline.run import Run
from core.spaces.similarity import normalise
from core.store.artefact import Artefact, Payload
from core.store.files import digest
from core.store.stage import STAGES

LONGEST = 1000
"""Characters of a sentence."""

NEIGHBOURS = 5
"""How many of the nearest sentences are listed, and say where it lies on the map."""


@dataclass(frozen=True)
class NearSentence:
    """An evaluation sentence near to the own one.

    Attributes
    ----------
    group, row : int
    language : str
    similarity : float
        Cosine.
    """

    group: int
    language: str
    row: int
    similarity: float


@dataclass(frozen=True)
class OwnSentence:
    """What is found of a sentence of one's own.

    Attributes
    ----------
    tokens : tuple of str
        Its tokens as text, special ones left out.
    responses : ndarray of float32, (n_tokens,)
        Of the experts to each token, in the unmodified model: 0 is their mean response to the other languages, 1 that
        to the target; see `response`.
    near : (before, after), each tuple of NearSentence
        The nearest evaluation sentences of all languages in either space, the nearest first.
    """

    tokens: tuple[str, ...]
    responses: np.ndarray
    near: tuple[tuple[NearSentence, ...], tuple[NearSentence, ...]]


def find(run: Run, text: str, language: str) -> OwnSentence:
    """Embed a sentence in both spaces and find what is near to it.

    Parameters
    ----------
    text : str
    language : str
        One of the plan's languages, or any other: it counts where tokens or an intervention depend on it.

    Raises
    ------
    SettingError
        If the text is empty or longer than `LONGEST`.
    """
    check(text)
    experts, intervention = run.spaces()
    stage = STAGES["own-sentence"]
    spec = stage.spec(
        spaces=[run.stages.space_spec(space) for space in (None, intervention)],
        expertise=digest(run.stages.expertise_spec()),
        experts=digest({"neurons": experts.neurons.tolist()}),
        layer=run.plan.layer,
        target=run.plan.target,
        text=digest({"text": text, "language": language}),
    )

    def compute() -> Payload:
        run.progress.stage(stage.title)
        return _computed(run, text, language, experts, intervention)

    def read(artefact: Artefact) -> OwnSentence:
        embedded = artefact.array("embeddings")
        before, after = (
            _near(run, space, vector) for space, vector in zip((None, intervention), embedded, strict=True)
        )
        tokens = tuple(cast("list[str]", artefact.facts["tokens"]))
        return OwnSentence(tokens, artefact.array("responses"), (before, after))

    found = run.stages.get(stage.name, spec, compute, read)
    run.progress.finish()
    return found


def check(text: str) -> None:
    """Raise `SettingError` for a text that is empty or too long."""
    if not text.strip() or len(text) > LONGEST:
        why = "it has no words" if not text.strip() else f"it has {len(text):,} characters"
        raise SettingError("your own sentence", why, f"Write one sentence of up to {LONGEST:,} characters.")


def place(
    near: Sequence[NearSentence], planes: Sequence[np.ndarray], languages: Sequence[Sequence[str]]
) -> np.ndarray | None:
    """Where a sentence lies on a map: amid its neighbours that the map shows, the nearer the more; None without any.

    Parameters
    ----------
    planes : sequence of ndarray of float32, (n_languages, n_shown, 2)
        One space's map, by group.
    languages : sequence of sequence of str
        Of each group.
    """
    shown = [one for one in near if one.row < planes[one.group].shape[1]]
    if not shown:
        return None
    points = np.stack([planes[one.group][list(languages[one.group]).index(one.language), one.row] for one in shown])
    weights = np.array([max(one.similarity, 1e-6) for one in shown])
    return np.asarray((weights[:, None] * points).sum(axis=0) / weights.sum())


def response(outputs: np.ndarray, to_target: np.ndarray, to_others: np.ndarray) -> np.ndarray:
    """The response of a set of neurons to tokens, on the line from the other languages' mean to the target's.

    Parameters
    ----------
    outputs : ndarray of float32, (n_tokens, n_neurons)
    to_target, to_others : ndarray of float32, (n_neurons,)
        Mean responses to the target language, and to the other probe languages.

    Returns
    -------
    ndarray of float32, (n_tokens,)
        0 at the others' mean and 1 at the target's: the projection on their difference, as a share of its length.
    """
    line = (to_target - to_others).astype(np.float64)
    length = float(line @ line)
    if length == 0:
        return np.zeros(len(outputs), dtype=np.float32)
    return np.asarray((outputs - to_others) @ line / length, dtype=np.float32)


def _computed(run: Run, text: str, language: str, experts: Experts, intervention: Intervention) -> Payload:
    model, plan = run.model(), run.plan
    tokens = run.stages.tokens((text,), language)
    spaces = embed_spaces(model, tokens, [None, intervention], neurons=plan.outline.neurons, encoding=plan.encoding)
    (outputs,) = token_outputs(model, tokens, experts.neurons, plan.outline.neurons)
    expertise = run.stages.expertise()
    target = expertise.languages.index(plan.target)
    means = expertise.means[:, experts.neurons]
    along = response(outputs, means[target], np.delete(means, target, axis=0).mean(axis=0))
    counted = np.flatnonzero(tokens.counted[0])
    return Payload(
        arrays={"embeddings": np.stack([space[plan.layer, 0] for space in spaces]), "responses": along[counted]},
        facts={"tokens": list(token_texts(model, [tokens.ids[0][place] for place in counted]))},
    )


def token_texts(model: LoadedModel, ids: Sequence[int]) -> tuple[str, ...]:
    """The text that each token adds to those before it; nothing for a token that only begins a character."""
    texts, before = [], ""
    for end in range(1, len(ids) + 1):
        now = model.tokenizer.decode(ids[:end]).removesuffix("\ufffd")
        added = now[len(before) :] if now.startswith(before) else model.tokenizer.decode([ids[end - 1]])
        texts.append(added)
        before = now
    return tuple(texts)


def _near(run: Run, space: Intervention | None, vector: np.ndarray) -> tuple[NearSentence, ...]:
    """The nearest evaluation sentences of all languages in one space."""
    found = []
    for number, group in enumerate(run.plan.groups):
        similarity = normalise(run.stages.embeddings(number, space, run.plan.layer)) @ normalise(vector[None])[0]
        best = np.argsort(-similarity, axis=None, kind="stable")[:NEIGHBOURS]
        for language, row in zip(*np.unravel_index(best, similarity.shape), strict=True):
            near = float(similarity[language, row])
            found.append(NearSentence(number, group.languages[int(language)], int(row), near))
    return tuple(sorted(found, key=lambda one: -one.similarity)[:NEIGHBOURS])
