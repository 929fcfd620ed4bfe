"""The way from the unmodified space to the modified one: computed strengths between, all in one map; and its noise.

A map of points says nothing of how sure it is. So the same map is fitted again with another seed and laid onto the
first: how far a point then lies from itself is what the eye should take for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core import projection
from core.engine import Run
from core.experiment import Experiment
from core.interventions import Intervention
from core.stages import VERSIONS
from core.store import Payload

STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Parts of the experiment's strength at which the way is computed."""

_POINTS = 15_000  # of all strengths together; beyond, the first rows stand for all
_AGAIN = "drawing the map again with another seed"
_OTHER_SEED = 7919  # added to the experiment's seed: any other would do


def strengths(experiment: Experiment) -> tuple[float, ...]:
    """The strengths of the way, from 0 to the experiment's."""
    return tuple(round(step * experiment.strength, 6) for step in STEPS)


@dataclass(frozen=True)
class Path:
    """One joint map of the spaces at several strengths.

    Attributes
    ----------
    strengths : tuple of float
        From 0 to the experiment's.
    maps : tuple
        One a group of rows, ndarray of float32, (n_strengths, n_languages, n_shown, 2).
    """

    strengths: tuple[float, ...]
    maps: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Movement:
    """How far points move on the map, and how far a refit alone moves them, in units of the map.

    Attributes
    ----------
    moved : float
        Median distance of a sentence's place after from its place before.
    noise : float
        Median distance of a point from itself in a fit with another seed, laid onto the first.
    beyond : float
        Share of sentences that move farther than the refit moves 95 % of all points.
    n : int
        Sentences on the map.
    """

    moved: float
    noise: float
    beyond: float
    n: int


def along(run: Run) -> Path:
    """Embed the strengths between, and map all of them at once.

    Raises
    ------
    NotCached
        Where the run may not compute, and a strength is missing.
    """
    experts, _ = run.spaces()
    asked = strengths(run.plan.experiment)
    spaces = {strength: run.stages.intervention(experts, strength) for strength in asked}
    run.further({f"strength {strength:g}": space for strength, space in spaces.items()})
    shown = _shown(run, len(asked))
    seed = run.plan.experiment.seed
    spec = {
        "version": VERSIONS["projection"],
        "spaces": [run.stages.space_spec(space) for space in spaces.values()],
        "layer": run.plan.layer,
        "seed": seed,
        "shown": shown,
        "umap": [projection.N_NEIGHBOURS, projection.MIN_DIST, projection.N_EPOCHS],
    }

    def compute() -> Payload:
        run.progress.stage("drawing one map of all strengths")
        flat = [_flat(run, space, shown) for space in spaces.values()]
        first, rest = projection.joint_umap(flat[0], np.concatenate(flat[1:]), seed=seed)
        planes = np.concatenate([first, rest]).reshape(len(flat), -1, 2)
        arrays, start = {}, 0
        for g, (group, n) in enumerate(zip(run.plan.groups, shown, strict=True)):
            end = start + len(group.languages) * n
            arrays[f"group-{g}"] = planes[:, start:end].reshape(len(flat), len(group.languages), n, 2)
            start = end
        return Payload(arrays=arrays)

    maps = run.stages.get("path", spec, compute, lambda a: tuple(a.array(f"group-{g}") for g in range(len(shown))))
    run.progress.finish()
    return Path(asked, maps)


def movement(run: Run) -> Movement:
    """Fit the experiment's map once more with another seed, and compare."""
    _, intervention = run.spaces()
    maps = run.measures.projection(intervention)
    spec = {
        "version": VERSIONS["projection"],
        "spaces": [run.stages.space_spec(space) for space in (None, intervention)],
        "layer": run.plan.layer,
        "seed": run.plan.experiment.seed,
        "shown": run.measures.shown(),
        "umap": [projection.N_NEIGHBOURS, projection.MIN_DIST, projection.N_EPOCHS],
    }

    def compute() -> Payload:
        run.progress.plan({_AGAIN: 5.0})
        run.progress.stage(_AGAIN)
        shown = run.measures.shown()
        pre, post = (_flat(run, space, shown) for space in (None, intervention))
        again = projection.joint_umap(pre, post, seed=run.plan.experiment.seed + _OTHER_SEED)
        first = [np.concatenate([side[space].reshape(-1, 2) for side in maps]) for space in (0, 1)]
        found = compare(first[0], first[1], *again)
        return Payload(facts={"moved": found.moved, "noise": found.noise, "beyond": found.beyond, "n": found.n})

    facts = run.stages.get("movement", spec, compute, lambda artefact: artefact.facts)
    run.progress.finish()
    moved, noise, beyond = (float(str(facts[name])) for name in ("moved", "noise", "beyond"))
    return Movement(moved, noise, beyond, int(str(facts["n"])))


def compare(pre: np.ndarray, post: np.ndarray, again_pre: np.ndarray, again_post: np.ndarray) -> Movement:
    """How far points move in one fit, against how far another fit puts them from themselves.

    Parameters
    ----------
    pre, post, again_pre, again_post : ndarray of float32, (n, 2)
        The same sentences in two joint fits.
    """
    moved = np.linalg.norm(post - pre, axis=1)
    once, again = np.concatenate([pre, post]), np.concatenate([again_pre, again_post])
    apart = np.linalg.norm(laid_onto(again, once) - once, axis=1)
    far = float(np.percentile(apart, 95))
    return Movement(float(np.median(moved)), float(np.median(apart)), float((moved > far).mean()), len(pre))


def laid_onto(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Points ``(n, 2)`` shifted, turned, mirrored and scaled as a whole to lie nearest to their targets ``(n, 2)``.

    References
    ----------
    Schönemann (1966). A generalized solution of the orthogonal Procrustes problem. Psychometrika 31.
    """
    here, there = points - points.mean(axis=0), target - target.mean(axis=0)
    u, s, vt = np.linalg.svd(here.T.astype(np.float64) @ there)
    scale = s.sum() / max(float((here**2).sum()), 1e-12)
    return np.asarray(scale * here @ (u @ vt) + target.mean(axis=0))


def _flat(run: Run, space: Intervention | None, shown: Sequence[int]) -> np.ndarray:
    """One space's shown sentences, all groups and languages in a row: float32, (n, hidden)."""
    parts = [run.stages.embeddings(g, space, run.plan.layer)[:, :n] for g, n in enumerate(shown)]
    return np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])


def _shown(run: Run, spaces: int) -> list[int]:
    points = spaces * sum(len(g) * len(g.languages) for g in run.plan.groups)
    share = min(1.0, _POINTS / points)
    return [max(2, min(n, int(len(g) * share))) for n, g in zip(run.measures.shown(), run.plan.groups, strict=True)]
