"""What pages ask the engine for beside an experiment's result; each is a `core.pipeline.backend.Question`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.analyses import (
    grid,
    held_neuron,
    map_stability,
    own_sentence,
    paired_settings,
    rival_map,
    rival_spaces,
    strength_path,
    top_sentences,
    translation_ranks,
)
from core.experiment.plan import probe_in_evaluation_languages
from core.experiment.settings import Experiment
from core.pipeline import joint_map
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.pipeline.run import Run, guessed_tokens
from core.progress import Progress

# Approximate seconds for a larger map, and for predicting the text of `core.analyses.grid.TEXTS` sentences.
_MAP, _TEXT = 8.0, 4.0
_RIVALS = 60.0  # the same for measuring all rivals by all measures
_SENTENCE = 8.0  # mostly loading the model


def _probe_seconds(engine: Engine, experiment: Experiment) -> float:
    """Seconds to embed the probe rows of both spaces in the evaluation languages, as if none were stored."""
    bound = engine.plan(experiment)
    tokens = sum(map(guessed_tokens, probe_in_evaluation_languages(bound).texts.values()))
    return 2 * tokens / engine.models.pace(bound.resolved, bound.outline.n_parameters)


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
class SentenceValuesAsked(OfExperiment):
    """Every measure sentence by sentence, after: see `core.analyses.paired_settings.sentence_values`."""

    question = staticmethod(paired_settings.sentence_values)


@dataclass(frozen=True)
class Figures(OfExperiment):
    """A result without its map, which needs no embeddings where the setting was measured before."""

    @staticmethod
    def question(run: Run) -> Result:
        """Read it from a run."""
        return run.figures()


@dataclass(frozen=True)
class RivalsAsked(OfExperiment):
    """The intervention beside all free rivals, by every measure: a `core.analyses.rival_spaces.RivalSpaces`."""

    question = staticmethod(rival_spaces.compare)

    def estimate(self, engine: Engine) -> float:
        """Seconds."""
        return super().estimate(engine) + _probe_seconds(engine, self.experiment) + _RIVALS


@dataclass(frozen=True)
class ControlAsked(OfExperiment):
    """A control's space by every measure, without rivals: a `core.analyses.rival_spaces.RivalSpaces`."""

    question = staticmethod(rival_spaces.as_they_are)

    def estimate(self, engine: Engine) -> float:
        """Seconds."""
        return super().estimate(engine) + _probe_seconds(engine, self.experiment)


@dataclass(frozen=True)
class RivalMapAsked:
    """A map of one space alone: see `core.analyses.rival_map.draw`."""

    experiment: Experiment
    rival: str
    space: str
    layer: int

    def _draw(self, run: Run) -> tuple[np.ndarray, ...]:
        return rival_map.draw(run, self.rival, self.space, self.layer)

    def known(self, engine: Engine) -> Any | None:
        """The map, if it is stored."""
        return engine.answer_known(self.experiment, self._draw)

    def estimate(self, engine: Engine) -> float:
        """Seconds."""
        return sum(engine.estimate(self.experiment).values()) + _MAP

    def run(self, engine: Engine, progress: Progress) -> Any:
        """Draw it."""
        return engine.answer(self.experiment, self._draw, progress)


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
class HeldAsked(OfExperiment):
    """What holding one neuron alone does to the embeddings: a `core.analyses.held_neuron.Effect`."""

    question = staticmethod(held_neuron.effect)


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
        drawing = _MAP + joint_map.placing_seconds(engine.plan(self.experiment), len(estimates) + 1)
        return max(stages["load"] for stages in estimates) + sum(stages["embed_post"] for stages in estimates) + drawing


@dataclass(frozen=True)
class OwnSentenceAsked:
    """What is found of a sentence of the visitor's own: a `core.analyses.own_sentence.OwnSentence`."""

    experiment: Experiment
    text: str
    language: str

    def _find(self, run: Run) -> own_sentence.OwnSentence:
        return own_sentence.find(run, self.text, self.language)

    def known(self, engine: Engine) -> Any | None:
        """The answer, if the sentence was asked for before."""
        return engine.answer_known(self.experiment, self._find)

    def estimate(self, engine: Engine) -> float:
        """Seconds: a pass over one sentence, once the setting is computed."""
        return sum(engine.estimate(self.experiment).values()) + _SENTENCE

    def run(self, engine: Engine, progress: Progress) -> Any:
        """Embed it, and find its neighbours."""
        return engine.answer(self.experiment, self._find, progress)


@dataclass(frozen=True)
class TopSentencesAsked:
    """The sentences that a neuron responds to most, by token: a tuple of `core.analyses.top_sentences.TopSentence`."""

    experiment: Experiment
    neuron: int

    def _find(self, run: Run) -> tuple[top_sentences.TopSentence, ...]:
        return top_sentences.find(run, self.neuron)

    def known(self, engine: Engine) -> Any | None:
        """The answer, if the neuron was asked for before."""
        return engine.answer_known(self.experiment, self._find)

    def estimate(self, engine: Engine) -> float:
        """Seconds: a pass over a few sentences."""
        return engine.estimate(self.experiment)["load"] + _SENTENCE

    def run(self, engine: Engine, progress: Progress) -> Any:
        """Read it."""
        return engine.answer(self.experiment, self._find, progress)
