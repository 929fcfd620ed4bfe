"""What a pack holds of a setting: the answers to the questions that pages ask, without the model or embeddings.

Sentences are packed only where the licence of their corpus lets them be passed on; otherwise every sentence is blank.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from core.access import without_folder
from core.analyses import experts, grid, kept_texts, map_stability, rival_spaces, strength_path, translation_ranks
from core.corpora.corpus import Corpus, ParallelSet
from core.errors import AskError
from core.experiment.named_neurons import files
from core.experiment.places import PLACES, passed_on, without_folders
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.location import expanded
from core.models.spec import CATALOGUE
from core.packs.parts import PARTS, TEXTS
from core.pipeline.computed_settings import Summary
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.pipeline.run import Run
from core.progress import Progress
from core.store.artefact import Artefact
from core.store.store import Store

QUESTIONS: dict[str, Callable[[Run], Any]] = {
    "result": Run.result,
    "ranks": translation_ranks.both,
    "movement": map_stability.movement,
    "cell": grid.cell,
    "experts": experts.read,
    "path": strength_path.along,
    "rivals": rival_spaces.compare,
    "control": rival_spaces.as_they_are,
    "texts": kept_texts.kept,
    "measures": Run.summary,
}
"""What pages ask of a `Run`, by the name in `PARTS`."""

WITHOUT_SENTENCES = "The sentences are not in the pack, since the licence of their corpus is not known to allow it."


# Licences, as `Corpus.licence` has them, under which sentences may be passed on with their source and licence.
_OPEN = re.compile(r"(CC0|CC[- ]BY(-SA)?\b(?!-N)|as this software|Apache-2\.0|MIT\b)", re.IGNORECASE)


def may_pass_on(corpus: Corpus) -> bool:
    """Whether a corpus's sentences may be packed: under a licence that is known to allow it."""
    return _OPEN.match(corpus.licence) is not None


def questions_of_many(store: Store) -> dict[str, Callable[[Run], Any]]:
    """`QUESTIONS`, to be asked of many settings on one store: what is the same for all of them is read once."""
    return {**QUESTIONS, TEXTS: partial(kept_texts.kept, among=kept_texts.listed(store))}


def gather(
    engine: Engine,
    experiment: Experiment,
    parts: Iterable[str],
    progress: Progress | None = None,
    *,
    computes: bool = True,
    questions: Mapping[str, Callable[[Run], Any]] = QUESTIONS,
) -> dict[str, Any]:
    """Collect the answers about a setting, by part, in the order of `PARTS`.

    Parameters
    ----------
    computes : bool
        Whether what must be computed is; else there is no answer.
    questions : mapping of str to callable
        As `QUESTIONS`.

    Raises
    ------
    AskError
        If the setting cannot be computed, or be looked up.
    """
    answers: dict[str, Any] = {}
    for name in parts:
        if name == "measures" and "result" in answers:
            continue  # which has them
        try:
            answer = _answer(engine, experiment, questions[name], progress, computes and PARTS[name].computed)
        except AskError:
            if name in ("result", "measures"):
                raise
            continue  # there is none for this setting: no path between two spaces that are one
        if answer is not None:
            answers[name] = _carried(answer, engine, experiment)
    return answers


def sources(run: Run) -> list[Artefact]:
    """What is stored of what a setting's measures follow from: it tells what computed them, and when."""
    return run.measures.artefacts(run.intervention())


def _answer(
    engine: Engine, experiment: Experiment, question: Callable[[Run], Any], progress: Progress | None, computes: bool
) -> Any | None:
    answer = engine.answer_known(experiment, question)
    return engine.answer(experiment, question, progress) if answer is None and computes else answer


def _carried(answer: Any, engine: Engine, experiment: Experiment) -> Any:
    """An answer as it is packed: its plan without what stays behind."""
    if isinstance(answer, Summary):
        return replace(answer, conditions=carried_plan(engine.plan(experiment)).describe())
    plan = getattr(answer, "plan", None)
    if not isinstance(plan, Plan):
        return answer
    carried: dict[str, Any] = {"plan": carried_plan(plan)}
    if isinstance(answer, Result):
        withheld = () if may_pass_on(plan.corpus) else (WITHOUT_SENTENCES,)
        carried |= {"notes": (*answer.notes, *withheld), "plan": carried_plan(plan)}
    return replace(answer, **carried)


def carried_plan(plan: Plan) -> Plan:
    """A plan as it is packed: without probe sentences, folders and, unless the licence allows them, sentences."""
    with_texts = may_pass_on(plan.corpus)
    return replace(
        plan,
        experiment=without_folders(plan.experiment),
        resolved=replace(plan.resolved, name=without_folder(plan.resolved.name), location="", patch="", adapter=""),
        corpus=_carried_corpus(plan.corpus),
        probe_corpus=_carried_corpus(plan.probe_corpus),
        probe=_blank(plan.probe),
        groups=plan.groups if with_texts else tuple(map(_blank, plan.groups)),
        sources=None if plan.sources is None else _blank(plan.sources),
    )


def folders(experiments: Sequence[Experiment]) -> Mapping[str, str]:
    """Places that name folders of this machine in some settings, and what stands for each in a pack; longest first."""
    named = [(name, getattr(experiment, name)) for experiment in experiments for name in PLACES]
    places = {place: passed_on(name, place) for name, place in named if place}
    places |= {part: without_folder(part) for name, place in named if name == "experts_from" for part in files(place)}
    inner = {place.partition(":")[2]: name.partition(":")[2] for place, name in places.items() if ":" in place}
    places = {**inner, **places}
    whole = {str(form): name for place, name in places.items() for form in _whole_paths(place)}
    changed = {place: name for place, name in {**whole, **places}.items() if place and place != name}
    return dict(sorted(changed.items(), key=lambda item: -len(item[0])))


def _whole_paths(place: str) -> tuple[Path, ...]:
    """What loaders make of a place, and titles and sources may quote: from the root, and without links."""
    path = expanded(place.strip())
    return path.absolute(), path.resolve()


def _carried_corpus(corpus: Corpus) -> Corpus:
    """A corpus without rows; its digest stays that of the whole."""
    return replace(corpus, spec=without_folder(corpus.spec), probe=None, evaluation=()).with_digest(corpus.digest)


def _blank(rows: ParallelSet) -> ParallelSet:
    """The rows without their sentences."""
    return replace(rows, texts={code: ("",) * len(rows) for code in rows.languages})


def model_title(name: str) -> str:
    """What lists call a model."""
    offer = CATALOGUE.get(name)
    return offer.title if offer else name
