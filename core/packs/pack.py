"""A pack: results of chosen settings in one file, to be shown where there is neither the model nor the time."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.analyses import grid
from core.errors import PackError
from core.experiment.places import without_folders
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.experiment.title import in_words
from core.packs import container
from core.packs.contents import (
    QUESTIONS,
    carried_plan,
    folders,
    gather,
    may_pass_on,
    model_title,
    questions_of_many,
    sources,
)
from core.packs.field_types import fits, returned
from core.packs.ground import Ground, at_its_commit, ground, same_ground, same_setting
from core.packs.parts import PARTS, TEXTS, USUAL
from core.packs.plain_data import NotPlainError, Reader, Writer
from core.packs.provenance import Origin, Provenance, of_artefacts, of_this_machine
from core.pipeline.computed_settings import Summary, summary
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.progress import Progress
from core.stats.units import counted
from core.store.artefact import Artefact
from core.store.stage import STAGES

_CELL = "cell"  # it follows from a result: where a pack has that, it need not have both


def pack(
    engine: Engine,
    experiments: Sequence[Experiment],
    path: Path,
    parts: Sequence[str] = USUAL,
    progress: Progress | None = None,
    *,
    computes: bool = True,
) -> int:
    """Write the results of some settings into a pack; what must be computed is, unless it may not be.

    Parameters
    ----------
    path : Path
        The file to write; what was there is replaced.
    parts : sequence of str
        Names in `PARTS`; the result is always among them, or where nothing is computed, the measures.
    computes : bool
        False: packs what is known, as of the cells of a sweep, whose measures are enough.

    Returns
    -------
    int
        Bytes of the file.

    Raises
    ------
    AskError
        If a setting cannot be computed; where nothing is, if its measures are not known.
    """
    always = "result" if computes else "measures"
    names = [name for name in PARTS if name in {always, *parts}]
    writer, gathered, unknown = Writer(), [], []
    questions = questions_of_many(engine.store) if TEXTS in names else QUESTIONS
    for experiment in experiments:
        answers = gather(engine, experiment, names, progress, computes=computes, questions=questions)
        if not answers.keys() & {"result", "measures"}:
            unknown.append(experiment)
        elif not unknown:
            gathered.append(_written(writer, engine, experiment, answers))
    if unknown:
        raise PackError(
            f"pack {counted(len(experiments), 'setting')} without computing them",
            f"the measures of {len(unknown):,} are not in the cache {engine.store.root}, {in_words(unknown[0])} first",
            "Name the cache that has them, with --cache or --shared, or compute them: the command that swept them "
            "computes what is missing.",
        )
    places = folders(experiments)
    packed = of_this_machine()
    computed = [of_artefacts(setting.artefacts) or packed for setting in gathered]
    every = [artefact for setting in gathered for artefact in setting.artefacts]
    manifest = {
        "version": container.WITH_RESULTS if all(each.has_result for each in gathered) else container.VERSION,
        "made": (of_artefacts(every) or packed).to_json(),
        "computed": [each.to_json() for each in computed],
        "packed": packed.to_json(),
        "stages": {stage.name: stage.version for stage in STAGES.values()},  # what the numbers were computed by
        "settings": [each.stated for each in gathered],
    }
    stated: dict[str, Any] = json.loads(_without_folders(manifest, places))
    entries = _without_folders([each.entry for each in gathered], places)
    return container.write(path, stated, {container.ANSWERS: entries.encode(), **writer.files})


@dataclass(frozen=True)
class _Setting:
    """A setting as it goes into a pack: its entry, what the manifest says of it, and what it was computed from."""

    entry: dict[str, Any]
    stated: dict[str, Any]
    artefacts: list[Artefact]

    @property
    def has_result(self) -> bool:
        return "result" in self.entry["answers"]


def _written(writer: Writer, engine: Engine, experiment: Experiment, answers: Mapping[str, Any]) -> _Setting:
    """Write the answers about a setting."""
    plan = answers["result"].plan if "result" in answers else carried_plan(engine.plan(experiment))
    setting = at_its_commit(without_folders(experiment), plan.resolved.revision)
    try:
        written = {name: writer.write(answer) for name, answer in answers.items()}
    except NotPlainError as error:
        why, instead = str(error), f"Leave out the part that has it: --parts {','.join(PARTS)}."
        raise PackError(f"pack {experiment.target} on {experiment.corpus}", why, instead) from error
    of = {} if "result" in answers else {"ground": writer.write(ground(plan))}
    entry = {"setting": writer.write(setting), **of, "answers": written}
    return _Setting(entry, _stated(plan, "result" in answers), engine.answer_known(experiment, sources) or [])


def _without_folders(document: Any, places: Mapping[str, str]) -> str:
    """A document as JSON in which places of this machine, which titles and notes quote, have given way to names."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for place, name in places.items():
        text = text.replace(json.dumps(place, ensure_ascii=False)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1])
    return text


def _stated(plan: Plan, has_rows: bool) -> dict[str, Any]:
    """What a manifest says of a setting, for people, who may look at it with any program; measures have no rows."""
    corpus, resolved = plan.corpus, plan.resolved
    offered = model_title(plan.experiment.model)
    return {
        "model": offered,
        "model_revision": resolved.revision,
        "model_digest": resolved.digest,
        "corpus": corpus.title,
        "corpus_digest": corpus.digest,
        "corpus_licence": corpus.licence,
        "corpus_source": corpus.source,
        "sentences": has_rows and may_pass_on(corpus),
        "setting": plan.describe(),
    }


class Pack:
    """A pack, opened: its answers are read when they are asked for.

    Parameters
    ----------
    content : bytes
        The file.
    name : str
        What to call it in an error.

    Attributes
    ----------
    digest : str
        SHA-256 of the file.
    made : Origin
        Where and when the whole was computed, and was packed.
    settings : tuple of Experiment
        As they were asked for.
    origins : tuple of Origin
        The same of each setting.

    Raises
    ------
    PackError
        If it is no pack, damaged, or of a newer version.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self.container = container.Container(content, name)
        self.digest = self.container.digest
        self._reader = Reader(self.container.read)
        self._lock = threading.RLock()
        self._known: dict[tuple[int, str], Any] = {}
        self._grounds: dict[int, Ground] = {}
        try:
            self._entries: list[Mapping[str, Any]] = json.loads(self.container.read(container.ANSWERS))
            if not fits(self._entries, list[dict[str, Any]]) or not self._entries:
                raise NotPlainError("it has no settings")
            if not all(isinstance(entry["answers"], dict) for entry in self._entries):
                raise NotPlainError("a setting has no answers")
            self.settings = tuple(self._reader.read(entry["setting"]) for entry in self._entries)
            if not all(isinstance(setting, Experiment) for setting in self.settings):
                raise NotPlainError("a setting is something else")
            self.made, self.origins = _origins(self.container.manifest, len(self._entries))
        except PackError:
            raise
        except Exception as error:  # data from elsewhere may be anything
            raise self._malformed(error) from error

    def has_result(self, number: int) -> bool:
        """Whether there is the result of a setting; else there are its measures alone."""
        return "result" in self._entries[number]["answers"]

    def result(self, number: int) -> Result:
        """The result of a setting, by its number in ``settings``."""
        found: Result = self._answer(number, "result")
        return found

    def summary(self, number: int) -> Summary:
        """The measures of a setting, by its number in ``settings``."""
        found: Summary = summary(self.result(number)) if self.has_result(number) else self._answer(number, "measures")
        return found

    def parts(self, number: int) -> tuple[str, ...]:
        """Names of what there is of a setting."""
        return tuple(self._entries[number]["answers"])

    def origin(self, answer: object) -> Origin:
        """Where an answer that was found was computed."""
        with self._lock:
            number = next((number for (number, _), known in self._known.items() if known is answer), None)
        return self.made if number is None else self.origins[number]

    def find(self, asked: Experiment, part: str, bound: Plan | None = None) -> Any | None:
        """The answer about a setting; None if the pack does not have it.

        Parameters
        ----------
        bound : Plan, optional
            Of the setting on this machine; its model and sentences must be the pack's.

        Raises
        ------
        PackError
            If it is damaged.
        """
        for number, setting in enumerate(self.settings):
            if not self._has(number, part):
                continue
            of = self._ground(number)
            same = same_setting(asked, setting, of, measures_alone=part in (_CELL, "measures"))
            if same and (bound is None or same_ground(bound, of)):
                return self._answer(number, part)
        return None

    def verify(self) -> None:
        """Read everything, so that whatever is wrong is found now; raises `PackError`."""
        self.container.verify()
        for number, entry in enumerate(self._entries):
            self._ground(number)
            self._answer(number, "result" if self.has_result(number) else "measures")
            for part in entry["answers"]:
                if part in PARTS:
                    self._answer(number, part)

    def _has(self, number: int, part: str) -> bool:
        """Whether a setting has an answer, written or following from its result."""
        return part in self._entries[number]["answers"] or (part == _CELL and self.has_result(number))

    def _ground(self, number: int) -> Ground:
        """What a setting is of: its result says it, or it stands beside its measures."""
        with self._lock:
            if number not in self._grounds:
                if self.has_result(number):
                    self._grounds[number] = ground(self.result(number).plan)
                else:
                    self._grounds[number] = self._read(self._entries[number], "ground", Ground)
            return self._grounds[number]

    def _answer(self, number: int, part: str) -> Any:
        """An answer, read once: whoever asks again gets the same object."""
        with self._lock:
            if (number, part) not in self._known:
                answers: Mapping[str, Any] = self._entries[number]["answers"]
                answer: Any
                if part in answers or not self._has(number, part):
                    answer = self._read(answers, part, returned(QUESTIONS[part]))
                else:
                    answer = grid.of_spaces(self.result(number))
                if isinstance(answer, Result):
                    answer = self._labelled(number, answer)
                self._known[number, part] = answer
            return self._known[number, part]

    def _read(self, written: Mapping[str, Any], name: str, kind: Any) -> Any:
        """Read a value that must be of a type."""
        try:
            answer = self._reader.read(written[name])
            if not fits(answer, kind):
                raise NotPlainError(f"{name} is something else")
        except (NotPlainError, KeyError, TypeError) as error:
            raise self._malformed(error) from error
        return answer

    def _labelled(self, number: int, result: Result) -> Result:
        """The result with a note of where it is from, which pages, reports and JSON carry on."""
        return replace(result, notes=(f"From a pack: {self.origins[number]}.", *result.notes))

    def _malformed(self, error: Exception) -> PackError:
        return self.container.refusal(
            f"its contents cannot be understood ({error!s:.200})",
            "Get it again from where it came from, or install a newer version of this program.",
        )


def _origins(manifest: Mapping[str, Any], settings: int) -> tuple[Origin, tuple[Origin, ...]]:
    """Where the whole is from, and each setting; the first packs tell where and when they were packed alone."""
    made = Provenance.from_json(manifest["made"])
    if "packed" not in manifest:
        return Origin(None, made), (Origin(None, made),) * settings
    packed = Provenance.from_json(manifest["packed"])
    origins = tuple(Origin(Provenance.from_json(each), packed) for each in manifest["computed"])
    if len(origins) != settings:
        raise NotPlainError("it does not say of each setting where it was computed")
    return Origin(made, packed), origins
