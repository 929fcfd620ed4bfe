"""Zero-shot transfer: a classifier trained on one language's embeddings and tested on all, before and after.

The corpus's labels say what is classified: topics, for SIB-200 and the embedded sentences. The classifier is trained on
the corpus's own probe rows (for SIB-200, the split ``train``) and tested on its evaluation rows; the neurons come from
the experiment's probe, which may be another corpus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.analyses.transfer_rows import Task, task
from core.errors import SettingError
from core.experiment.hidden_states import hidden_states
from core.language.codes import canonical
from core.neurons.interventions import Intervention
from core.neurons.methods import METHODS
from core.pipeline.before_after import SPACE_TITLES
from core.pipeline.run import Run
from core.pipeline.specs import in_order
from core.pipeline.stages import Stages
from core.spaces.linear_probe import NO_CLASS, C, predict
from core.spaces.rivals import RIVALS, FittedRival
from core.store.artefact import Payload
from core.store.files import digest
from core.store.stage import STAGES

ALL = "all"
PROBE_SECONDS = 0.4
"""About how long it takes to train and test one linear probe."""
CENTRED = "own-means"
SIDES = ("pre", "post")


@dataclass(frozen=True)
class Settings:
    """What is asked beside the experiment.

    Attributes
    ----------
    train_languages : tuple of str, optional
        The languages to train on, each by itself; ``("all",)`` for every one that is tested on. Unless given, English
        (if the corpus has it) and the target.
    layers : str, optional
        Hidden states, as ``6,last`` or ``0-18`` or ``all``; the experiment's layer unless given.
    rivals : tuple of str
        Names in `core.spaces.rivals.RIVALS`; ``("all",)`` for every one. The first, `CENTRED`, needs no further pass.
    """

    train_languages: tuple[str, ...] | None = None
    layers: str | None = None
    rivals: tuple[str, ...] = (CENTRED,)


@dataclass(frozen=True)
class Space:
    """One space of embeddings at one layer.

    Attributes
    ----------
    side : str
        ``"pre"``, the unmodified model, or ``"post"``, under the intervention.
    layer : int
        Of the hidden states.
    rival : str or None
        What is free and applied on top: a name in `core.spaces.rivals.RIVALS`; None for the space as it is.
    """

    side: str
    layer: int
    rival: str | None = None


Hits = Mapping[str, np.ndarray]
"""By language tested on, which rows are classified rightly: ndarray of bool, (n_test,)."""


@dataclass(frozen=True)
class Transfer:
    """Which test rows are classified rightly, by training language and space.

    Attributes
    ----------
    task : Task
        Rows and classes.
    target : str
        The language that the intervention is about.
    seed : int
        Of the experiment: for bootstraps.
    hits : mapping of (str, Space) to Hits
        By training language and space; a rival lacks the languages that it cannot be applied to.
    notes : tuple of str
        What was left out, and why.
    by_source : bool
        Whether the intervention goes by the language of a sentence.
    """

    task: Task
    target: str
    seed: int
    hits: Mapping[tuple[str, Space], Hits]
    notes: tuple[str, ...] = ()
    by_source: bool = False

    @property
    def train_languages(self) -> tuple[str, ...]:
        """The languages trained on, in order."""
        return tuple(dict.fromkeys(language for language, _ in self.hits))

    @property
    def spaces(self) -> tuple[Space, ...]:
        """The spaces compared, in order."""
        return tuple(dict.fromkeys(space for _, space in self.hits))


def transfer(run: Run, asked: Settings | None = None) -> Transfer:
    """Train a linear probe on each training language in each space, and test it on every language.

    Raises
    ------
    SettingError
        Where the corpus has no labels or no probe rows, or a language, layer or rival that is asked for is not there.
    NotCached
        Where the run may not compute, and something is missing.
    """
    work = _Work(run, asked or Settings())
    work.embed()
    title, count = STAGES["transfer"].title, len(work.spaces) * len(work.train_languages)
    run.progress.plan({title: PROBE_SECONDS * count})
    run.progress.stage(title, count)
    hits: dict[tuple[str, Space], Hits] = {}
    for space in work.spaces:
        for code in work.train_languages:
            if found := work.hits(code, space):
                hits[code, space] = found
            run.progress.advance()
    run.progress.finish()
    ordered = {
        (code, space): hits[code, space]
        for code in work.train_languages
        for space in work.spaces
        if (code, space) in hits
    }
    by_source = METHODS[run.plan.experiment.method].by_source is not None
    return Transfer(work.task, run.plan.target, run.plan.experiment.seed, ordered, work.notes(), by_source)


class _Work:
    """One question about transfer: its rows, and what has been fitted so far."""

    def __init__(self, run: Run, asked: Settings) -> None:
        self.run, self.task = run, task(run.plan)
        plan = run.plan
        codes = _train_languages(self.task, plan.target, asked.train_languages)
        layers = hidden_states(plan.layer if asked.layers is None else asked.layers, plan.outline.n_layers)
        self.rivals = _rivals(asked.rivals)
        self.spaces = [
            Space(side, layer, rival) for rival in (None, *self.rivals) for layer in layers for side in SIDES
        ]
        self.train_languages = codes
        self.sides: dict[str, Intervention | None] = {}
        self.training: dict[str, Stages] = {}
        self.probe: Stages | None = None
        self._fitted: dict[Space, FittedRival] = {}

    def embed(self) -> None:
        """Embed the rows tested on, those trained on, and those that rivals are fitted on, before and after."""
        _, intervention = self.run.spaces()
        self.sides = dict(zip(SIDES, (None, intervention), strict=True))
        spaces = {SPACE_TITLES[side]: by for side, by in self.sides.items()}
        rows, of = self.task.train, " to train on"
        self.run.beside((rows.select(self.train_languages),), spaces, of)
        self.training = {code: self.run.beside((rows.select([code]),), spaces, of) for code in self.train_languages}
        if any(not RIVALS[name].on_applied for name in self.rivals):
            self.probe = self.run.probe_spaces(spaces)

    def hits(self, language: str, space: Space) -> Hits:
        """Which test rows a probe trained on one language classifies rightly; empty where a rival cannot map it."""
        covered = self._covered(space)
        if language not in covered:
            return {}
        predicted = self.run.stages.get(
            "transfer",
            self._spec(language, space),
            lambda: Payload(arrays={"predicted": self._predicted(language, space)}),
            lambda artefact: artefact.array("predicted"),
        )
        right = (predicted == self.task.test_classes) & (self.task.test_classes != NO_CLASS)
        return {
            code: right[number, self.task.tested] for number, code in enumerate(self.task.languages) if code in covered
        }

    def notes(self) -> tuple[str, ...]:
        """Which languages a rival leaves out."""
        notes = {}
        for space in self.spaces:
            lacking = [code for code in self.task.languages if code not in self._covered(space)]
            if lacking and space.rival:
                notes[space.rival] = (
                    f"{RIVALS[space.rival].title} needs the mean of each language over the probe sentences, which are "
                    f"not in {', '.join(lacking)}."
                )
        return tuple(notes.values())

    def _covered(self, space: Space) -> tuple[str, ...]:
        """The languages whose rows can be put into a space."""
        if space.rival is None or not RIVALS[space.rival].by_language or self.probe is None:
            return tuple(dict.fromkeys((*self.task.languages, *self.train_languages)))
        return self.probe.plan.groups[0].languages

    def _spec(self, language: str, space: Space) -> dict[str, Any]:
        """What determines the predictions in one space by a probe trained on one language."""
        by = self.sides[space.side]
        spec = STAGES["transfer"].spec(
            train=digest(self.training[language].embeddings_spec(0, language, by)),
            test=self.run.stages.space_spec(by)[self.task.group],
            labels=self.task.digest,
            layer=space.layer,
            c=C,
            seed=self.run.plan.experiment.seed,
            **in_order([self.task.test]),
        )
        if space.rival is None:
            return spec
        rival = RIVALS[space.rival]
        fitted_on = None if rival.on_applied or self.probe is None else self.probe.space_spec(by)[0]
        target = self.run.plan.target if rival.supervised else None
        return spec | {"rival": {"name": rival.name, "probe": fitted_on, "target": target}}

    def _predicted(self, language: str, space: Space) -> np.ndarray:
        """Predicted classes of every language's test rows, int16, (n_languages, n_test)."""
        by = self.sides[space.side]
        train = self.training[language].embeddings(0, by, space.layer)[0]
        tests = dict(
            zip(self.task.languages, self.run.stages.embeddings(self.task.group, by, space.layer), strict=True)
        )
        if space.rival is not None:
            fitted = self._fit(space)
            train = fitted.transform(train, language)
            tests = {code: fitted.transform(rows, code) for code, rows in tests.items() if fitted.covers(code)}
        found = dict(
            zip(
                tests,
                predict(train, self.task.train_classes, list(tests.values()), self.run.plan.experiment.seed),
                strict=True,
            )
        )
        nothing = np.full(len(self.task.test), NO_CLASS, dtype=np.int16)
        return np.stack([found.get(code, nothing) for code in self.task.languages])

    def _fit(self, space: Space) -> FittedRival:
        """Fit a rival on the probe rows of its space, once for all training languages."""
        if space not in self._fitted:
            assert space.rival is not None
            stages = self.probe or next(iter(self.training.values()))  # what is fitted where it is applied ignores them
            rows = stages.embeddings(0, self.sides[space.side], space.layer)
            languages = stages.plan.groups[0].languages
            self._fitted = {space: RIVALS[space.rival].fit(rows, languages, self.run.plan.target)}
        return self._fitted[space]


def _train_languages(rows: Task, target: str, asked: Sequence[str] | None) -> tuple[str, ...]:
    if asked is None:
        default = [code for code in ("en", target) if code in rows.languages and code in rows.train.languages]
        return tuple(dict.fromkeys(default)) or rows.train.languages[:1]
    if tuple(asked) == (ALL,):
        return rows.train.usable([code for code in rows.languages if code in rows.train.languages]).languages
    codes = tuple(dict.fromkeys(canonical(code) for code in asked))
    missing = [code for code in codes if code not in rows.train.languages]
    if missing or not codes:
        raise SettingError(
            f"train on {', '.join(missing) or 'no language'}",
            f"the rows to train on are in {', '.join(rows.train.languages)}",
            "Choose some of these, or all.",
        )
    return codes


def _rivals(asked: Sequence[str]) -> tuple[str, ...]:
    names = tuple(RIVALS) if tuple(asked) == (ALL,) else tuple(dict.fromkeys(asked))
    if unknown := [name for name in names if name not in RIVALS]:
        raise SettingError(f"rival {unknown[0]!r}", "it is not one that is known", f"Use {', '.join(RIVALS)}, or all.")
    return names
