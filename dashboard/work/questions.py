"""What pages ask the engine for beside an experiment's result; each is a `dashboard.work.protocol.Question`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from core.analyses import grid, map_stability, strength_path, translation_ranks
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.progress import Progress

# Approximate seconds for a larger map, and for predicting the text of `core.analyses.grid.TEXTS` sentences.
_MAP, _TEXT = 8.0, 4.0


@dataclass(frozen=True)
class OfExperiment:
    """Asks something of one experiment's stages."""

    experiment: Experiment

    @staticmethod
    def question(run: Run) -> Any:
        """Read the answer from a run, and compute what is missing where the run may."""
        raise NotImplementedError

    def known(self, engine: Engine) -> Any | None:
        """The answer, if what is missing takes only a moment."""
        return engine.answer_known(self.experiment, self.question)

    def estimate(self, engine: Engine) -> float:
        """Seconds."""
        return sum(engine.estimate(self.experiment).values())

    def run(self, engine: Engine, progress: Progress) -> Any:
        """Compute what is missing, and read the answer."""
        answer = engine.answer(self.experiment, self.question, progress)
        progress.finish()
        return answer


@dataclass(frozen=True)
class RanksAsked(OfExperiment):
    """The ranks of translations in both spaces: a pair of `core.analyses.translation_ranks.Ranks`."""

    question = staticmethod(translation_ranks.both)


@dataclass(frozen=True)
class Cell(OfExperiment):
    """The measures of one experiment, without its map: a mapping of `core.analyses.grid.measures`."""

    question = staticmethod(grid.cell)


@dataclass(frozen=True)
class TextCell(OfExperiment):
    """The measures of `Cell`, and the perplexity of text in the target language."""

    question = staticmethod(grid.cell_with_text)

    def estimate(self, engine: Engine) -> float:
        """Seconds."""
        return super().estimate(engine) + 2 * _TEXT


@dataclass(frozen=True)
class MovementAsked(OfExperiment):
    """How much of the movement on the map is more than a refit's: a `core.spaces.map_stability.Movement`."""

    question = staticmethod(map_stability.movement)


@dataclass(frozen=True)
class PathAsked(OfExperiment):
    """One map of the strengths in between: a `core.analyses.strength_path.Path`."""

    question = staticmethod(strength_path.along)

    def estimate(self, engine: Engine) -> float:
        """Seconds: every strength that is not embedded, and the map."""
        strengths = strength_path.strengths(self.experiment)[1:]
        estimates = [engine.estimate(replace(self.experiment, strength=strength)) for strength in strengths]
        return max(stages["load"] for stages in estimates) + sum(stages["embed_post"] for stages in estimates) + _MAP
