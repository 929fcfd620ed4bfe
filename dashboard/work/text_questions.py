"""What the page of written text asks the queue for."""

from __future__ import annotations

from dataclasses import dataclass

from core.analyses.text_perplexity import own_perplexity, pooled_perplexity
from core.analyses.texts import TITLES, check_generates, written
from core.experiment.settings import Experiment
from core.inference.perplexity import Perplexity
from core.inference.writing import TOKEN_SECONDS, Writing
from core.pipeline.engine import Engine
from core.pipeline.run import STEPS, Run
from dashboard.work.of_experiment import ExperimentQuestion


@dataclass(frozen=True)
class Texts:
    """Texts without and with the intervention; while they are being written, what there is so far.

    Attributes
    ----------
    pre, post : tuple of str, (n_samples,)
        Empty while nothing is written.
    perplexities : pair of Perplexity or None
        Of both sides' texts under the unmodified model; None where it is not measured.
    """

    pre: tuple[str, ...] = ()
    post: tuple[str, ...] = ()
    perplexities: tuple[Perplexity | None, Perplexity | None] = (None, None)


@dataclass(frozen=True)
class TextsQuestion(ExperimentQuestion):
    """The same prompt continued without and with the intervention."""

    asks = "Texts"
    writing: Writing

    def known_before(self, engine: Engine) -> Texts | None:
        """The side without the intervention alone, which depends on neither experts nor strength."""
        return engine.answer_known(self.experiment, lambda run: Texts(written(run, self.writing, None)))

    def estimate(self, engine: Engine) -> float:
        """Seconds, experts included."""
        return _preparation(engine, self.experiment) + 2 * TOKEN_SECONDS * self.writing.tokens

    def question(self, run: Run) -> Texts:
        """Write, publishing the texts so far as the progress's ``partial``."""
        self.writing.check()
        check_generates(run)

        def publish_pre(texts: list[str]) -> None:
            run.progress.publish(Texts(tuple(texts)))

        seconds = TOKEN_SECONDS * self.writing.tokens
        run.progress.plan({STEPS["load"]: run.expected()["load"]} | dict.fromkeys(TITLES.values(), seconds))
        pre = written(run, self.writing, None, publish_pre)

        def publish_post(texts: list[str]) -> None:
            run.progress.publish(Texts(pre, tuple(texts)))

        experts = run.experts()
        run.progress.plan({TITLES["post"]: seconds})  # finding experts has a plan of its own
        post = written(run, self.writing, run.stages.intervention(experts), publish_post)
        return Texts(pre, post, (own_perplexity(run, pre), own_perplexity(run, post)))


@dataclass(frozen=True)
class PerplexityQuestion(ExperimentQuestion):
    """How well the model predicts given texts, without and with the intervention."""

    asks = "The perplexity of a text"
    texts: tuple[str, ...]

    def estimate(self, engine: Engine) -> float:
        """Seconds, experts included."""
        return _preparation(engine, self.experiment) + 2.0 + sum(map(len, self.texts)) / 500

    def question(self, run: Run) -> tuple[Perplexity, Perplexity]:
        """Measure both sides."""
        pre = pooled_perplexity(run, self.texts, None)
        return pre, pooled_perplexity(run, self.texts, run.stages.intervention(run.experts()))


def _preparation(engine: Engine, experiment: Experiment) -> float:
    expected = engine.estimate(experiment)
    return sum(expected[name] for name in ("load", "capture", "expertise", "learn"))
