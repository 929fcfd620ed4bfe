"""An intervention beside what is free: every rival's space measured as the intervention's is, on the same sentences.

A rival is fitted on the probe rows in the evaluation languages, of the unmodified model or of the model under the
intervention, and applied to the evaluation rows. It is measured at the plan's layer, and at the one where it does best
on probe rows that it was not fitted on; the latter stands for it where one rival is named
(`RivalSpaces.by_rival`). Which rival is the best is told on the evaluation rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import cast

import numpy as np

from core.analyses.distractors import Distractors, check_distractors, counted_distractors, embed_distractors
from core.errors import SettingError
from core.experiment.plan import Plan
from core.neurons.interventions import Intervention
from core.pipeline.run import Run
from core.pipeline.specs import in_order
from core.pipeline.stages import Stages
from core.spaces.measured_space import MeasuredSpace, Sentences, joined, measured
from core.spaces.measured_space import of_rows as measured_of_rows
from core.spaces.retrieval import top1
from core.spaces.rivals import RAW, RIVALS, FittedRival, Rival
from core.spaces.sentence_tables import SentenceTables
from core.spaces.space_measures import SPACE_MEASURES
from core.store.artefact import Artefact, Payload
from core.store.stage import STAGES

PRE, POST = "pre", "post"
HEADLINE = next(iter(SPACE_MEASURES))
"""The measure by which spaces are compared."""


@dataclass(frozen=True)
class RivalSpace:
    """One space that was measured.

    Attributes
    ----------
    rival : Rival
        `RAW` for a space as it is.
    space : {"pre", "post"}
        Of the unmodified model, or under the intervention.
    layer : int
    chosen : bool
        Whether the layer is the one where the rival does best on probe rows.
    measured : MeasuredSpace
    """

    rival: Rival
    space: str
    layer: int
    chosen: bool
    measured: MeasuredSpace

    @property
    def is_free(self) -> bool:
        """Whether it is of the unmodified model, and learnt from no translations."""
        return self.space == PRE and not self.rival.supervised


@dataclass(frozen=True)
class RivalSpaces:
    """The intervention's space, the unmodified one and all rivals', measured alike.

    Attributes
    ----------
    plan : Plan
    n_probe : int
        Rows that the rivals are fitted on.
    spaces : tuple of RivalSpace
        In the order of `RIVALS`, the spaces as they are first.
    notes : tuple of str
        What was left out, and why.
    left_out : tuple of str
        Names in `RIVALS` of those that cannot be applied to every evaluation language.
    """

    plan: Plan
    n_probe: int
    spaces: tuple[RivalSpace, ...]
    notes: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def find(self, rival: str, space: str, layer: int | None = None) -> RivalSpace | None:
        """One space by its rival's name; at the plan's layer unless another is given; None if it is not there."""
        at = self.plan.layer if layer is None else layer
        matching = (s for s in self.spaces if (s.rival.name, s.space, s.layer) == (rival, space, at))
        return next(matching, None)

    def by_rival(self, space: str) -> dict[str, RivalSpace]:
        """One space of each rival by its name: at the layer that was chosen on the probe rows, else at the plan's.

        Parameters
        ----------
        space : {"pre", "post"}
        """
        found: dict[str, RivalSpace] = {}
        for one in self.spaces:
            if one.space == space and (one.chosen or (one.layer == self.plan.layer and one.rival.name not in found)):
                found[one.rival.name] = one
        return found


def of_rows(spaces: RivalSpaces, rows: Sequence[np.ndarray]) -> RivalSpaces:
    """The same spaces by the headline of some rows alone, with the target as the query.

    Parameters
    ----------
    rows : sequence of ndarray of bool, (n,)
        Which rows, by set; at least one of a set that has the target.
    """
    target = spaces.plan.target
    kept = (replace(s, measured=measured_of_rows(s.measured, rows, HEADLINE, target)) for s in spaces.spaces)
    return replace(spaces, spaces=tuple(kept))


def compare(
    run: Run,
    rivals: Iterable[str] = tuple(RIVALS),
    measures: Iterable[str] = tuple(SPACE_MEASURES),
    layers: Sequence[int] | None = None,
    distractors: Distractors | None = None,
    apart: Iterable[Iterable[str]] = (),
) -> RivalSpaces:
    """Measure the unmodified space, the intervention's, and both mapped by each rival.

    Parameters
    ----------
    rivals, measures : iterable of str
        Names in `RIVALS` and `SPACE_MEASURES`.
    layers : sequence of int, optional
        By default, of each rival the plan's layer and the one that is chosen on the probe rows.
    distractors : int or "all", optional
        For mining on BUCC: also embed so many sentences of each text that the gold standard does not name.
    apart : iterable of iterable of str
        Sets of measures that are stored each by itself, apart from the others: what is stored of some is used, whatever
        else is asked for.

    Raises
    ------
    NotCached
        Where the run may not compute, and something is missing.
    SettingError
        If distractors are asked for and the corpus has none.
    """
    check_distractors(run.plan, distractors)
    _, intervention = run.spaces()
    chosen_rivals = [RAW, *(rival for name, rival in RIVALS.items() if name in set(rivals))]
    names = [name for name in SPACE_MEASURES if name in {HEADLINE, *measures}]
    parts = _parts(names, apart)
    probe = run.probe_spaces({"before": None, "after": intervention})
    kept, notes = _covered(run.plan, probe, chosen_rivals)
    others = None
    if distractors is not None and any(SPACE_MEASURES[name].among_distractors for name in names):
        others = embed_distractors(run, intervention, distractors)
        notes.append(counted_distractors(others))
    _announce(run, len(kept), len(names))
    spaces = []
    for rival in kept:
        try:
            best = _best_layer(run, probe, rival)
            for layer in sorted({run.plan.layer, best} if layers is None else {*layers, run.plan.layer}):
                for space, applied in ((PRE, None), (POST, intervention)):
                    found = _measured(run, probe, rival, applied, layer, parts, others)
                    spaces.append(RivalSpace(rival, space, layer, layer == best, found))
        except SettingError as refusal:  # embeddings that are no finite numbers
            notes.append(f"{refusal.what} is left out at some layers: {refusal.why}.")
        if not run.only_cached:
            run.progress.advance(1)
    run.progress.finish()
    rows, left_out = probe.plan.groups[0], tuple(rival.name for rival in chosen_rivals if rival not in kept)
    return RivalSpaces(run.plan, len(rows), tuple(spaces), (*rows.notes, *notes), left_out)


def _parts(names: Sequence[str], apart: Iterable[Iterable[str]]) -> list[list[str]]:
    """Divide measures into those that are stored together; each part in the order of the names."""
    sets = [set(some) - {HEADLINE} for some in apart]
    together = [name for name in names if not any(name in some for some in sets)]
    return [together, *(part for some in sets if (part := [name for name in names if name in some]))]


def _covered(plan: Plan, probe: Stages, rivals: Sequence[Rival]) -> tuple[list[Rival], list[str]]:
    """Rivals that can be applied to every evaluation language, and a note on those that cannot."""
    missing = [code for code in plan.languages if code not in probe.plan.groups[0].languages]
    without = [rival for rival in rivals if rival.by_language] if missing else []
    notes = []
    if without:
        notes.append(
            f"{', '.join(rival.name for rival in without)} need the probe rows' mean of every evaluation language, and "
            f"{plan.probe_corpus.spec} has none in {', '.join(missing)}: they are left out. Evaluate without these "
            "languages, or find the experts on a corpus that has them."
        )
    return [rival for rival in rivals if rival not in without], notes


def _announce(run: Run, n_rivals: int, n_measures: int) -> None:
    """Begin the part of the progress report in which rivals are measured."""
    if run.only_cached:
        return
    title = STAGES["rival-measures"].title
    run.progress.plan({title: n_rivals * (0.5 + 0.3 * n_measures)})
    run.progress.stage(title, n_rivals)


def as_they_are(run: Run) -> RivalSpaces:
    """Measure the unmodified space and the intervention's by every measure, without rivals; for a control."""
    return compare(run, rivals=())


def fitted(probe: Stages, rival: Rival, intervention: Intervention | None, layer: int) -> FittedRival:
    """Fit a rival on the probe rows of one space at one layer; ``probe`` as `Run.probe_spaces` gives it."""
    group = probe.plan.groups[0]
    return rival.fit(probe.embeddings(0, intervention, layer), group.languages, probe.plan.target)


def _spec(probe: Stages, rival: Rival, intervention: Intervention | None) -> dict[str, object]:
    """What a fitted rival depends on, beside the layer."""
    target = {"target": probe.plan.target} if rival.supervised else {}
    return {"rival": rival.name, "probe": probe.space_spec(intervention), **target}


def _best_layer(run: Run, probe: Stages, rival: Rival) -> int:
    """The layer at which a rival finds most translations between all languages, on probe rows it was not fitted on.

    It is fitted on every other row of the unmodified model, and judged on the rest. With fewer than four probe rows
    there are none to judge on, and the plan's layer is taken.
    """
    group = probe.plan.groups[0]
    if len(group) < 4 or len(group.languages) < 2:
        return run.plan.layer
    stage = STAGES["rival-layers"]

    def compute() -> Payload:
        rates = []
        for layer in range(run.plan.outline.n_layers + 1):
            rows = probe.embeddings(0, None, layer)
            half = rival.fit(rows[:, ::2], group.languages, run.plan.target)
            rates.append(float(np.nanmean(top1(half.space(rows[:, 1::2], group.languages)))))
        return Payload(arrays={"top1": np.array(rates)})

    spec = stage.spec(**_spec(probe, rival, None))
    rates = run.stages.get("rival-layers", spec, compute, lambda artefact: artefact.array("top1"))
    return int(rates.argmax())


def _measured(
    run: Run,
    probe: Stages,
    rival: Rival,
    intervention: Intervention | None,
    layer: int,
    parts: Sequence[Sequence[str]],
    distractors: Stages | None,
) -> MeasuredSpace:
    """Measure one space mapped by one rival; each part of the measures is kept in the store by itself."""
    with_probe = any(SPACE_MEASURES[name].needs_probe for part in parts for name in part)

    @cache
    def tables() -> list[SentenceTables]:  # shared by the parts, which have most of their work in common
        return _tables(run, probe, rival, intervention, layer, with_probe, distractors)

    shared: dict[str, object] = {
        **_spec(probe, rival, intervention),
        "space": run.stages.space_spec(intervention),
        "layer": layer,
        **in_order(run.plan.groups),
    }
    among: dict[str, object] = {}
    if distractors is not None:
        among = {"distractors": distractors.space_spec(intervention)} | ({"together": True} if rival.on_applied else {})
    found = []
    for part in parts:
        mined = among if any(SPACE_MEASURES[name].among_distractors for name in part) else {}
        found.append(_part(run, shared | mined, part, lambda names: measured(tables(), names)))
    return joined(found)


def _part(
    run: Run, shared: Mapping[str, object], names: Sequence[str], measure: Callable[[Sequence[str]], MeasuredSpace]
) -> MeasuredSpace:
    """Some measures of one space, from the store where it has them."""
    groups = run.plan.groups

    def compute() -> Payload:
        found = measure(names)
        by_sentence = list(found.sentences)
        arrays = {
            f"sentences-{number}": np.stack([found.sentences[name][number].values for name in by_sentence])
            for number in range(len(groups) if by_sentence else 0)
        }
        tables = {"pairs": found.pairs, "values": found.values}
        return Payload(arrays=arrays, tables=tables, facts={"by_sentence": by_sentence})

    def read(artefact: Artefact) -> MeasuredSpace:
        names = cast("list[str]", artefact.facts["by_sentence"])
        stored = [artefact.array(f"sentences-{number}") for number in range(len(groups) if names else 0)]
        sentences = {
            str(name): tuple(
                Sentences(group.languages, values[place]) for group, values in zip(groups, stored, strict=True)
            )
            for place, name in enumerate(names)
        }
        return MeasuredSpace(artefact.table("pairs"), artefact.table("values"), sentences)

    spec = STAGES["rival-measures"].spec(**shared, measures=list(names))
    return run.stages.get("rival-measures", spec, compute, read)


def _tables(
    run: Run,
    probe: Stages,
    rival: Rival,
    intervention: Intervention | None,
    layer: int,
    with_probe: bool,
    distractors: Stages | None,
) -> list[SentenceTables]:
    """The evaluation rows of one space, mapped by a rival; ``with_probe`` beside the probe rows, mapped alike."""
    known = probe.plan.groups[0].languages
    # a space as it is can be measured without probe rows
    mapped = None if rival is RAW else fitted(probe, rival, intervention, layer)

    def of(space: np.ndarray, languages: Sequence[str]) -> np.ndarray:
        return space if mapped is None else mapped.space(space, languages)

    mapped_probe = of(probe.embeddings(0, intervention, layer), known) if with_probe else None

    def mined(distractors: Stages, number: int, space: np.ndarray, first: int) -> list[np.ndarray]:
        among, given = [], run.stages.embeddings(number, intervention, layer)
        for place, language in enumerate(run.plan.groups[number].languages):
            further = distractors.embeddings(first + place, intervention, layer)
            if rival.on_applied:  # what is mined is one text, which has one mean
                among.append(of(np.concatenate([given[place : place + 1], further], axis=1), [language])[0])
            else:
                among.append(np.concatenate([space[place], of(further, [language])[0]]))
        return among

    tables, n_lists = [], 0
    for number, group in enumerate(run.plan.groups):
        space = of(run.stages.embeddings(number, intervention, layer), group.languages)
        # mapped only where they are mined: they may be many more than all else
        among = None if distractors is None else partial(mined, distractors, number, space, n_lists)
        n_lists += len(group.languages)
        tables.append(SentenceTables(space, group.languages, mapped_probe, known, among))
    return tables
