"""A pack: results of chosen settings in one file, to be shown where there is neither the model nor the time."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import PackError
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.packs import container
from core.packs.contents import (
    QUESTIONS,
    at_its_commit,
    carried_experiment,
    folders,
    gather,
    may_pass_on,
    model_title,
    same_ground,
    same_setting,
)
from core.packs.field_types import fits, returned
from core.packs.parts import PARTS
from core.packs.plain_data import NotPlainError, Reader, Writer
from core.packs.provenance import Provenance, of_this_machine
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.progress import Progress
from core.store.stage import STAGES


def pack(
    engine: Engine,
    experiments: Sequence[Experiment],
    path: Path,
    parts: Sequence[str] = tuple(PARTS),
    progress: Progress | None = None,
) -> int:
    """Write the results of some settings into a pack; what must be computed is.

    Parameters
    ----------
    path : Path
        The file to write; what was there is replaced.
    parts : sequence of str
        Names in `PARTS`; the result is always among them.

    Returns
    -------
    int
        Bytes of the file.

    Raises
    ------
    AskError
        If a setting cannot be computed.
    """
    writer, entries, results = Writer(), [], []
    for experiment in experiments:
        answers = gather(engine, experiment, [name for name in PARTS if name in {"result", *parts}], progress)
        results.append(answers["result"])
        try:
            written = {name: writer.write(answer) for name, answer in answers.items()}
        except NotPlainError as error:
            why, instead = str(error), f"Leave out the part that has it: --parts {','.join(PARTS)}."
            raise PackError(f"pack {experiment.target} on {experiment.corpus}", why, instead) from error
        setting = at_its_commit(carried_experiment(experiment), answers["result"].plan)
        entries.append({"setting": writer.write(setting), "answers": written})
    places = folders(experiments)
    made = of_this_machine(tuple(result.plan.resolved.device for result in results))
    manifest = {
        "made": made.to_json(),
        "stages": {stage.name: stage.version for stage in STAGES.values()},  # what the numbers were computed by
        "settings": [_stated(result) for result in results],
    }
    stated: dict[str, Any] = json.loads(_without_folders(manifest, places))
    return container.write(
        path, stated, {container.ANSWERS: _without_folders(entries, places).encode(), **writer.files}
    )


def _without_folders(document: Any, places: Mapping[str, str]) -> str:
    """A document as JSON in which places of this machine, which titles and notes quote, have given way to names."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for place, name in places.items():
        text = text.replace(json.dumps(place, ensure_ascii=False)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1])
    return text


def _stated(result: Result) -> dict[str, Any]:
    """What a manifest says of a setting: for people, who may look at it with any program."""
    corpus, resolved = result.plan.corpus, result.plan.resolved
    offered = model_title(result.plan.experiment.model)
    return {
        "model": offered,
        "model_revision": resolved.revision,
        "model_digest": resolved.digest,
        "corpus": corpus.title,
        "corpus_digest": corpus.digest,
        "corpus_licence": corpus.licence,
        "corpus_source": corpus.source,
        "sentences": may_pass_on(corpus),
        "setting": result.plan.describe(),
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
    made : Provenance
        Where and when the results were computed.
    settings : tuple of Experiment
        As they were asked for.

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
        try:
            self.made = Provenance.from_json(self.container.manifest["made"])
            self._entries: list[Mapping[str, Any]] = json.loads(self.container.read(container.ANSWERS))
            if not fits(self._entries, list[dict[str, Any]]) or not self._entries:
                raise NotPlainError("it has no settings")
            if not all(isinstance(entry["answers"], dict) for entry in self._entries):
                raise NotPlainError("a setting has no answers")
            self.settings = tuple(self._reader.read(entry["setting"]) for entry in self._entries)
            if not all(isinstance(setting, Experiment) for setting in self.settings):
                raise NotPlainError("a setting is something else")
        except PackError:
            raise
        except Exception as error:  # data from elsewhere may be anything
            raise self._malformed(error) from error

    def result(self, number: int) -> Result:
        """The result of a setting, by its number in ``settings``."""
        found: Result = self._answer(number, "result")
        return found

    def parts(self, number: int) -> tuple[str, ...]:
        """Names of what there is of a setting."""
        return tuple(self._entries[number]["answers"])

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
            if part not in self._entries[number]["answers"]:
                continue
            plan = self._plan(number)
            if same_setting(asked, setting, plan) and (bound is None or same_ground(bound, plan)):
                return self._answer(number, part)
        return None

    def verify(self) -> None:
        """Read everything, so that whatever is wrong is found now; raises `PackError`."""
        self.container.verify()
        for number, entry in enumerate(self._entries):
            self._plan(number)
            for part in entry["answers"]:
                if part in PARTS:
                    self._answer(number, part)

    def _plan(self, number: int) -> Plan:
        return self.result(number).plan

    def _answer(self, number: int, part: str) -> Any:
        """An answer, read once: whoever asks again gets the same object."""
        with self._lock:
            if (number, part) not in self._known:
                try:
                    answer = self._reader.read(self._entries[number]["answers"][part])
                    if not fits(answer, returned(QUESTIONS[part])):
                        raise NotPlainError(f"{part} is something else")
                except (NotPlainError, KeyError, TypeError) as error:
                    raise self._malformed(error) from error
                if isinstance(answer, Result):
                    answer = self._labelled(answer)
                self._known[number, part] = answer
            return self._known[number, part]

    def _labelled(self, result: Result) -> Result:
        """The result with a note of where it is from, which pages, reports and JSON carry on."""
        return replace(result, notes=(f"From a pack: {self.made}.", *result.notes))

    def _malformed(self, error: Exception) -> PackError:
        return self.container.refusal(
            f"its contents cannot be understood ({error!s:.200})",
            "Get it again from where it came from, or install a newer version of this program.",
        )
