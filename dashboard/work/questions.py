"""What pages ask the engine for beside an experiment's result; each is a `core.pipeline.backend.Question`."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
from dashboard.work.of_experiment import ExperimentQuestion

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
class RanksQuestion(ExperimentQuestion):
    """The ranks of translations in both spaces: a pair of `core.analyses.translation_ranks.Ranks`."""

    asks = "The rank of every translation"
    question = staticmethod(translation_ranks.both)


@dataclass(frozen=True)
class SentenceValuesQuestion(ExperimentQuestion):
    """Every measure sentence by sentence, after: see `core.analyses.paired_settings.sentence_values`."""

    asks = "Every measure by sentence"
    question = staticmethod(paired_settings.sentence_values)


@dataclass(frozen=True)
class FiguresQuestion(ExperimentQuestion):
    """A result without its map, which needs no embeddings where the setting was measured before."""

    asks = "The measures without the map"

    @staticmethod
    def question(run: Run) -> Result:
        """Read it from a run."""
        return run.figures()


@dataclass(frozen=True)
class RivalsQuestion(ExperimentQuestion):
    """The intervention beside all free rivals, by every measure: a `core.analyses.rival_spaces.RivalSpaces`."""

    asks = "What is free, by every measure"
    question = staticmethod(rival_spaces.compare)

    def estimate(self, engine: Engine) -> float:
        """Seconds."""
        return super().estimate(engine) + _probe_seconds(engine, self.experiment) + _RIVALS


@dataclass(frozen=True)
class ControlQuestion(ExperimentQuestion):
    """A control's space by every measure, without rivals: a `core.analyses.rival_spaces.RivalSpaces`."""

    asks = "Random neurons, by every measure"
    question = staticmethod(rival_spaces.as_they_are)

    def estimate(self, engine: Engine) -> float:
        """Seconds."""
        return super().estimate(engine) + _probe_seconds(engine, self.experiment)


@dataclass(frozen=True)
class RivalMapQuestion(ExperimentQuestion):
    """A map of one space alone: see `core.analyses.rival_map.draw`."""

    asks = "A map of what is free"
    rival: str
    space: str
    layer: int

    def question(self, run: Run) -> tuple[np.ndarray, ...]:
        """Draw it."""
        return rival_map.draw(run, self.rival, self.space, self.layer)

    def estimate(self, engine: Engine) -> float:
        """Seconds."""
        return super().estimate(engine) + _MAP


@dataclass(frozen=True)
class CellQuestion(ExperimentQuestion):
    """The measures of one experiment, without its map: a mapping of `core.analyses.grid.measures`."""

    asks = "The measures of a cell"
    question = staticmethod(grid.cell)


@dataclass(frozen=True)
class TextCellQuestion(ExperimentQuestion):
    """The measures of `CellQuestion`, and the perplexity of text in the target language."""

    asks = "The measures of a cell, with the perplexity"
    question = staticmethod(grid.cell_with_text)

    def estimate(self, engine: Engine) -> float:
        """Seconds."""
        return super().estimate(engine) + 2 * _TEXT


@dataclass(frozen=True)
class HeldNeuronQuestion(ExperimentQuestion):
    """What holding one neuron alone does to the embeddings: a `core.analyses.held_neuron.Effect`."""

    asks = "One neuron held"
    question = staticmethod(held_neuron.effect)


@dataclass(frozen=True)
class MovementQuestion(ExperimentQuestion):
    """How much of the movement on the map is more than a refit's: a `core.spaces.map_stability.Movement`."""

    asks = "The movement on the map"
    question = staticmethod(map_stability.movement)


@dataclass(frozen=True)
class PathQuestion(ExperimentQuestion):
    """One map of the strengths in between: a `core.analyses.strength_path.Path`."""

    asks = "The map in motion"
    question = staticmethod(strength_path.along)

    def estimate(self, engine: Engine) -> float:
        """Seconds: every strength that is not embedded, and the map."""
        strengths = strength_path.strengths(self.experiment)[1:]
        estimates = [engine.estimate(replace(self.experiment, strength=strength)) for strength in strengths]
        drawing = _MAP + joint_map.placing_seconds(engine.plan(self.experiment), len(estimates) + 1)
        return max(stages["load"] for stages in estimates) + sum(stages["embed_post"] for stages in estimates) + drawing


@dataclass(frozen=True)
class OwnSentenceQuestion(ExperimentQuestion):
    """What is found of a sentence of the visitor's own: a `core.analyses.own_sentence.OwnSentence`."""

    asks = "A sentence of one's own"
    text: str
    language: str

    def question(self, run: Run) -> own_sentence.OwnSentence:
        """Embed it, and find its neighbours."""
        return own_sentence.find(run, self.text, self.language)

    def estimate(self, engine: Engine) -> float:
        """Seconds: a pass over one sentence, once the setting is computed."""
        return super().estimate(engine) + _SENTENCE


@dataclass(frozen=True)
class TopSentencesQuestion(ExperimentQuestion):
    """The sentences that a neuron responds to most, by token: a tuple of `core.analyses.top_sentences.TopSentence`."""

    asks = "A neuron's strongest sentences"
    neuron: int

    def question(self, run: Run) -> tuple[top_sentences.TopSentence, ...]:
        """Pass a few sentences."""
        return top_sentences.find(run, self.neuron)

    def estimate(self, engine: Engine) -> float:
        """Seconds: a pass over a few sentences."""
        return engine.estimate(self.experiment)["load"] + _SENTENCE
