"""What the page of written text asks the queue for."""

from __future__ import annotations

from dataclasses import dataclass

from core.analyses.text_perplexity import own_perplexity, pooled_perplexity
from core.analyses.texts import TITLES, check_generates, written
from core.experiment.settings import Experiment
from core.inference.perplexity import Perplexity
from core.inference.writing import Writing
from core.pipeline.engine import Engine
from core.pipeline.run import STEPS, Run
from core.progress import Progress

_SECONDS = 0.15  # a token takes about so long on a laptop, for a model of a few hundred million parameters


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
class Written:
    """The same prompt continued without and with the intervention."""

    experiment: Experiment
    writing: Writing

    def known(self, engine: Engine) -> Texts | None:
        """Both sides, if both were written before."""
        return engine.answer_known(self.experiment, self._read)

    def known_before(self, engine: Engine) -> Texts | None:
        """The side without the intervention alone, which depends on neither experts nor strength."""
        return engine.answer_known(self.experiment, lambda run: Texts(written(run, self.writing, None)))

    def estimate(self, engine: Engine) -> float:
        """Seconds, experts included."""
        expected = engine.estimate(self.experiment)
        preparation = sum(expected[name] for name in ("load", "capture", "expertise", "learn"))
        return preparation + 2 * _SECONDS * self.writing.tokens

    def run(self, engine: Engine, progress: Progress) -> Texts:
        """Write, publishing the texts so far as the progress's ``partial``."""
        return engine.answer(self.experiment, self._read, progress)

    def _read(self, run: Run) -> Texts:
        self.writing.check()
        check_generates(run)

        def publish_pre(texts: list[str]) -> None:
            run.progress.publish(Texts(tuple(texts)))

        seconds = _SECONDS * self.writing.tokens
        run.progress.plan({STEPS["load"]: run.expected()["load"]} | dict.fromkeys(TITLES.values(), seconds))
        pre = written(run, self.writing, None, publish_pre)

        def publish_post(texts: list[str]) -> None:
            run.progress.publish(Texts(pre, tuple(texts)))

        experts = run.experts()
        run.progress.plan({TITLES["post"]: seconds})  # finding experts has a plan of its own
        post = written(run, self.writing, run.stages.intervention(experts), publish_post)
        return Texts(pre, post, (own_perplexity(run, pre), own_perplexity(run, post)))


@dataclass(frozen=True)
class Predicted:
    """How well the model predicts given texts, without and with the intervention."""

    experiment: Experiment
    texts: tuple[str, ...]

    def known(self, engine: Engine) -> tuple[Perplexity, Perplexity] | None:
        """Both sides, if both were measured before."""
        return engine.answer_known(self.experiment, self._read)

    def estimate(self, engine: Engine) -> float:
        """Seconds, experts included."""
        expected = engine.estimate(self.experiment)
        preparation = sum(expected[name] for name in ("load", "capture", "expertise", "learn"))
        return preparation + 2.0 + sum(map(len, self.texts)) / 500

    def run(self, engine: Engine, progress: Progress) -> tuple[Perplexity, Perplexity]:
        """Measure."""
        return engine.answer(self.experiment, self._read, progress)

    def _read(self, run: Run) -> tuple[Perplexity, Perplexity]:
        pre = pooled_perplexity(run, self.texts, None)
        return pre, pooled_perplexity(run, self.texts, run.stages.intervention(run.experts()))
