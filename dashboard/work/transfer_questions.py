"""What the Transfer page asks the engine for."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.analyses.profit import Profit, profit
from core.analyses.transfer import ALL, PROBE_SECONDS, Settings, Transfer, transfer
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from dashboard.work.of_experiment import ExperimentQuestion

_LAYERS, _LANGUAGES = 20, 12  # of a small model and corpus, where all of them are asked for


@dataclass(frozen=True)
class TransferQuestion(ExperimentQuestion):
    """Which sentences are classified rightly."""

    asks = "Transfer to a task"
    settings: Settings = field(default_factory=Settings)

    def estimate(self, engine: Engine) -> float:
        """Seconds: both spaces, and a guess at the rows to train on and the linear probes."""
        stages = engine.estimate(self.experiment)
        languages = _LANGUAGES if self.settings.train_languages == (ALL,) else 1
        layers = _LAYERS if self.settings.layers else 1
        fits = 2 * layers * languages * (1 + len(self.settings.rivals))
        return sum(stages.values()) + 2 * stages["embed_pre"] * languages / _LANGUAGES + PROBE_SECONDS * fits

    def question(self, run: Run) -> Transfer:
        """Train the linear probes, and read the answer."""
        return transfer(run, self.settings)


@dataclass(frozen=True)
class ProfitQuestion(ExperimentQuestion):
    """Which languages profit."""

    asks = "Which languages profit"
    settings: Settings = field(default_factory=Settings)

    def estimate(self, engine: Engine) -> float:
        """Seconds."""
        return TransferQuestion(self.experiment, self.settings).estimate(engine)

    def question(self, run: Run) -> Profit:
        """Train the linear probes, and read the answer."""
        return profit(run, self.settings)
