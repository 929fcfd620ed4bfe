"""What a session answers about interventions as such: the best setting, all of them compared, steering."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from core.analyses import method_comparison, search, steering
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.neurons.methods import METHODS
from core.pipeline.run import Run
from core.progress import Progress, progress_shown
from core.session_base import Asked, SessionBase, names


class SessionOfMethods(SessionBase):
    """Compares interventions and searches among them; `core.session.Session` is what one uses."""

    def steer(
        self,
        experiment: Asked = None,
        /,
        *,
        into: Iterable[str] | None = None,
        methods: Iterable[str] | None = None,
        prompt_languages: Iterable[str] | None = None,
        n_prompts: int = 2,
        max_tokens: int = 40,
        temperature: float = 1.0,
        **settings: Any,
    ) -> pd.DataFrame:
        """Have the model answer prompts in several languages, and see whether it does so in the target's.

        Parameters
        ----------
        into : iterable of str, optional
            Targets, one after another; the experiment's by default.
        methods : iterable of str, optional
            Names in `core.METHODS`, or ``("all",)``; the experiment's by default. Beside them stand the unmodified
            model, asking in words, and random neurons.
        prompt_languages, n_prompts
            Of the project's own prompts: their languages (all by default), and how many of each.
        max_tokens, temperature
            Of an answer.

        Returns
        -------
        DataFrame
            See `core.analyses.steering.table`.
        """
        requested = self.experiment(experiment, **settings)
        languages = None if prompt_languages is None else names(prompt_languages)
        prompts = steering.default_prompts(languages, n_prompts)
        asked = steering.SteeringSettings(prompts, max_tokens, temperature, seed=requested.seed)
        targets = (requested.target,) if into is None else names(into)
        with progress_shown(self._progress) as progress:
            found = steering.steer(self._answerer(progress), requested, targets, _methods(methods, requested), asked)
        return steering.table(found)

    def compare_methods(
        self,
        experiment: Asked = None,
        /,
        *,
        methods: Iterable[str] = ("all",),
        prompt_languages: Iterable[str] | None = None,
        n_prompts: int = 2,
        timed: bool = True,
        **settings: Any,
    ) -> pd.DataFrame:
        """Measure interventions alike: alignment, separation, transfer, language written, perplexity, cost.

        Parameters
        ----------
        methods, prompt_languages, n_prompts
            As for `steer`; every method by default.
        timed : bool
            Whether passes are timed, which the cache does not keep.

        Returns
        -------
        DataFrame
            See `core.analyses.method_comparison.table`.
        """
        requested = self.experiment(experiment, **settings)
        languages = None if prompt_languages is None else names(prompt_languages)
        asked = method_comparison.writing(requested, languages, n_prompts)
        with progress_shown(self._progress) as progress:
            rows = method_comparison.compare(
                self._answerer(progress), requested, _methods(methods, requested), asked, timed
            )
        return method_comparison.table(rows)

    def search(
        self,
        experiment: Asked = None,
        /,
        *,
        minutes: float,
        choices: search.Choices | None = None,
        maximise: str = "target",
        most_perplexity: float | None = None,
        **settings: Any,
    ) -> search.Found:
        """Find the best setting within some minutes, on probe rows that found no neuron.

        Parameters
        ----------
        choices : core.analyses.search.Choices, optional
            What may be chosen: by default numbers of experts and strengths, the usual ones and those of ``experts`` and
            ``strength`` where these are given by name.
        maximise : {"target", "all"}
            Top-1 with the target as the query, or over all pairs.
        most_perplexity : float, optional
            Of the target's sentences, as a multiple of the unmodified model's.

        Returns
        -------
        core.analyses.search.Found
            All that was tried, the best experiment, and its top-1 on evaluation rows, which the search has not seen.

        Raises
        ------
        SettingError
            Where a setting that is chosen is given by name beside ``choices``, which say what it may be.
        """
        requested = self.experiment(experiment, **settings)
        if choices is None:
            choices = search.Choices.around(requested, settings)
        elif twice := [name for name in search.CHOSEN if name in settings]:
            raise SettingError(
                f"{', '.join(twice)} beside choices",
                "the choices say what a search tries of it",
                "Put the values into the choices, or leave the choices out.",
            )
        limits = search.Limits(minutes, maximise, most_perplexity)
        with progress_shown(self._progress) as progress:
            return search.search(self._answerer(progress), requested, choices, limits)

    def _answerer(self, progress: Progress) -> Callable[[Experiment, Callable[[Run], Any]], Any]:
        """What answers a question about an experiment, with this progress."""
        return lambda of, question: self._engine.answer(of, question, progress)


def _methods(given: Iterable[str] | None, experiment: Experiment) -> tuple[str, ...]:
    """Methods by name; the experiment's unless given, every one for ``all``."""
    named = (experiment.method,) if given is None else names(given)
    return tuple(METHODS) if named == ("all",) else named
