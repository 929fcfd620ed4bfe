"""What the page of methods asks the queue for: every intervention compared."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.analyses import method_comparison
from core.analyses.method_comparison import Part, Row
from core.analyses.steering import RANDOM, UNMODIFIED, SteeringSettings
from core.errors import AskError
from core.experiment.settings import Experiment
from core.inference.writing import TOKEN_SECONDS
from core.neurons.methods import METHODS
from core.pipeline.engine import Engine
from core.progress import Progress
from core.store.files import digest

_MEASURING, _FREE = 10.0, 60.0  # seconds, about: measures and perplexity of a method; all that is free
_MOST = 400
_rows: OrderedDict[str, list[Row]] = OrderedDict()
"""Rows that were read, by all that determines them: a page that is drawn again reads nothing anew."""


@dataclass(frozen=True)
class KnownRows:
    """What is known of a comparison.

    Attributes
    ----------
    rows : tuple of Row
        Of all methods that are measured, whether they are asked for or not.
    missing : tuple of Part
        Asked for and not measured.
    refused : mapping of str to AskError
        By title, what cannot be with this setting.
    """

    rows: tuple[Row, ...]
    missing: tuple[Part, ...]
    refused: Mapping[str, AskError]


@dataclass(frozen=True)
class MethodsQuestion:
    """Some methods compared, beside the unmodified model, what is free, and random neurons."""

    experiment: Experiment
    methods: tuple[str, ...]
    asked: SteeringSettings

    def parts(self) -> list[Part]:
        """Of all methods, in the table's order; the same whichever are asked for."""
        plain = replace(self.experiment, method=Experiment.method, control=Experiment.control)
        return method_comparison.parts(plain, METHODS, self.asked, timed=False)

    def known_so_far(self, engine: Engine) -> KnownRows:
        """What was measured before, of whichever method; raises `AskError` where nothing can be."""
        rows: list[Row] = []
        missing, refused = [], {}
        for part in self.parts():
            try:
                found = _read(engine, part, self.asked)
            except AskError as error:
                if part.condition.name == UNMODIFIED:
                    raise
                refused[part.condition.title] = error
                continue
            if found is not None:
                rows += found
            elif part.condition.name in (UNMODIFIED, RANDOM, *self.methods):
                missing.append(part)
        return KnownRows(tuple(rows), tuple(missing), refused)

    def known(self, engine: Engine) -> tuple[Row, ...] | None:
        """The rows, if all that is asked for was measured before."""
        found = self.known_so_far(engine)
        return None if found.missing else found.rows

    def estimate(self, engine: Engine) -> float:
        """Seconds, experts included, of what is not measured yet."""
        missing = self.known_so_far(engine).missing
        return _estimate(engine, missing, self.asked)

    def run(self, engine: Engine, progress: Progress) -> tuple[Row, ...]:
        """Measure what is missing; what it finishes is kept."""
        for part in self.known_so_far(engine).missing:
            engine.answer(part.experiment, part.question, progress)
        return self.known_so_far(engine).rows


def _estimate(engine: Engine, missing: Sequence[Part], asked: SteeringSettings) -> float:
    seconds = 0.0
    for number, part in enumerate(missing):
        expected = engine.estimate(part.experiment)
        if number == 0:
            seconds += sum(expected[name] for name in ("load", "capture", "expertise", "embed_pre"))
        seconds += expected["embed_post"] + expected["learn"] + _MEASURING
        seconds += TOKEN_SECONDS * asked.tokens * len(asked.prompts)
        seconds += _FREE if part.condition.name == UNMODIFIED else 0.0
    return seconds


def _read(engine: Engine, part: Part, asked: SteeringSettings) -> list[Row] | None:
    """The rows of a part that was measured before."""
    if part.experiment.experts_from is not None:  # a file, which may be another one by now
        return engine.answer_known(part.experiment, part.question)
    conditions = engine.plan(part.experiment).describe()
    prompts = [f"{prompt.language}: {prompt.text}" for prompt in asked.prompts]
    writing = [*prompts, str(asked.tokens), str(asked.seed)]
    place, name = str(engine.store.root), part.condition.name
    key = digest({"store": place, "setting": conditions, "condition": name, "writing": writing})
    if key in _rows:
        return _rows[key]
    found = engine.answer_known(part.experiment, part.question)
    if found is not None:
        _rows[key] = found
        while len(_rows) > _MOST:
            _rows.popitem(last=False)
    return found
