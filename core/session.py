"""The class for notebooks and scripts: one object that finds experts, embeds, measures and draws, over one cache.

Examples
--------
>>> import core
>>> session = core.Session()  # doctest: +SKIP
>>> result = session.run(target="es", experts=500)  # doctest: +SKIP
>>> session.retrieval(result)  # doctest: +SKIP
"""

from __future__ import annotations

import difflib
import threading
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from core.analyses import retrieval_table, sentence_table, translation_ranks
from core.analyses.sentence_table import Embeddings
from core.corpora import load
from core.corpora.corpus import Corpus
from core.corpora.user_tables import FOLDER, SentencesByLanguage, keep_sentences
from core.errors import SettingError
from core.experiment.file import check_kinds
from core.experiment.kinds import Several, split_names
from core.experiment.names import SETTINGS
from core.experiment.settings import Experiment
from core.language.codes import describe
from core.location import default_cache
from core.models.load import LoadedModel
from core.models.resolve import resolve
from core.models.spec import EMBEDDED, ModelSpec
from core.neurons.experts import expert_table
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.progress import Shown, progress_shown
from core.spaces.retrieval import RANK_MEASURES
from core.spaces.similarity import COMPARISONS
from core.store.store import Store

Sentences: TypeAlias = str | Corpus | SentencesByLanguage
"""A corpus by its spec (``"embedded"``, ``"flores:DIR"``, ...), one that was loaded, lists by language, or a frame."""

Asked: TypeAlias = Experiment | Result | None
"""What a question is about: an experiment, one that was run, or nothing but settings."""

# Sessions over one cache share an engine, so that a model is in memory once and its passes take turns.
_engines: weakref.WeakValueDictionary[Path, Engine] = weakref.WeakValueDictionary()
_opening = threading.Lock()


class Session:
    """Runs experiments and answers questions about them; what the cache has is not computed again.

    Every method takes an `Experiment`, a `Result` or nothing, and then settings by name: the fields of `Experiment`. A
    setting given by name replaces the experiment's. ``corpus`` and ``probe_corpus`` also take sentences, as `corpus`
    does. Methods may be called from several threads at once, and so may those of several sessions over one cache.

    Parameters
    ----------
    cache : str or Path, optional
        Folder in which results are kept; `core.location.default_cache` by default.
    progress : bool or callable, optional
        None: long work shows a bar on a terminal and in a notebook. False: never; True: always. A callable receives a
        `core.progress.Snapshot` now and then, and may raise `core.progress.Cancelled` to stop the work.

    Raises
    ------
    StoreError
        If the folder cannot be written to.
    """

    def __init__(self, cache: str | Path | None = None, progress: Shown = None) -> None:
        self._engine = _engine(Path(default_cache() if cache is None else cache).expanduser().resolve())
        self._progress = progress

    @property
    def cache(self) -> Path:
        """Folder in which results are kept."""
        return self._engine.store.root

    def corpus(self, sentences: Sentences, *, evaluate_all: bool = False) -> Corpus:
        """Read sentences from a corpus by its spec, or from lists or a data frame.

        Parameters
        ----------
        sentences : str, mapping of str to sequence of str, or DataFrame
            See `core.corpora.load.load_corpus` and `core.corpora.user_tables.keep_sentences`. Lists are kept as a table
            in the cache, under the digest of their content.
        evaluate_all : bool
            Lists without a ``split``: use every row for evaluation, so that the neurons are found on another corpus.

        Raises
        ------
        CorpusError
        """
        if isinstance(sentences, Corpus):
            return sentences
        if isinstance(sentences, str):
            return load.load_corpus(sentences)
        return keep_sentences(sentences, self.cache / FOLDER, evaluate_all=evaluate_all)

    def model(
        self, name: str = EMBEDDED, *, revision: str | None = None, dtype: str = "auto", device: str = "auto"
    ) -> LoadedModel:
        """Load a model, ready to run: the same that experiments with these four settings run on.

        Raises
        ------
        ModelError
        """
        with progress_shown(self._progress) as progress:
            progress.stage("loading the model")
            return self._engine.models.get(resolve(ModelSpec(name, revision, dtype, device)))

    def experiment(self, experiment: Asked = None, /, **settings: Any) -> Experiment:
        """Make an experiment from settings by name, and from another experiment if one is given.

        If ``probe_corpus`` names a corpus for finding the neurons, lists given as ``corpus`` without a ``split`` are
        evaluated whole; otherwise their first half is used to find the neurons.

        Raises
        ------
        SettingError, CorpusError
        """
        base = experiment.plan.experiment if isinstance(experiment, Result) else experiment or Experiment()
        known = [field.name for field in fields(Experiment)]
        for name in settings:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"Use {near[0]}." if near else f"Use some of {', '.join(known)}."
                raise SettingError(f"setting {name!r}", "an experiment has none of that name", hint)
        changes = {
            name: _names(value) if isinstance(SETTINGS[name].kind, Several) else _plain(value)
            for name, value in settings.items()
        }
        elsewhere = changes.get("probe_corpus", base.probe_corpus) is not None
        for name in ("corpus", "probe_corpus"):
            if name in changes and changes[name] is not None and not isinstance(changes[name], str):
                changes[name] = self.corpus(changes[name], evaluate_all=elsewhere and name == "corpus").spec
        check_kinds("an experiment", {name: list(v) if isinstance(v, tuple) else v for name, v in changes.items()})
        return replace(base, **changes)

    def run(self, experiment: Asked = None, /, **settings: Any) -> Result:
        """Run an experiment: find the experts, embed both spaces, measure retrieval and distances, draw the map.

        Raises
        ------
        AskError
            If the experiment is impossible; what can be checked beforehand is refused before any work.
        """
        requested = self.experiment(experiment, **settings)
        with progress_shown(self._progress) as progress:
            return self._engine.run(requested, progress)

    def experts(self, experiment: Asked = None, /, **settings: Any) -> pd.DataFrame:
        """Find the experts only, best first; see `core.neurons.experts.expert_table`."""
        requested = self.experiment(experiment, **settings)
        with progress_shown(self._progress) as progress:
            plan, experts = self._engine.experts(requested, progress)
        return expert_table(experts, plan.outline.neurons)

    def embeddings(self, experiment: Asked = None, /, **settings: Any) -> Embeddings:
        """Embed every evaluation sentence, before and after the intervention, at the layer of the setting ``layer``."""
        requested = self.experiment(experiment, **settings)
        with progress_shown(self._progress) as progress:
            return self._engine.answer(requested, sentence_table.embeddings, progress)

    def retrieval(
        self,
        experiment: Asked = None,
        /,
        *,
        comparison: str = "cosine",
        direction: str = "from",
        measure: str = "top-1",
        **settings: Any,
    ) -> pd.DataFrame:
        """Measure how often translations are found between the target and each other language; intervals, tests.

        Parameters
        ----------
        comparison : str
            How sentences are compared: a name in `core.spaces.similarity.COMPARISONS`.
        direction : {"from", "to"}
            Whether the target's sentences are the queries, or the other language's.
        measure : str
            What is computed from the ranks of translations: a name in `core.spaces.retrieval.RANK_MEASURES`.

        Returns
        -------
        DataFrame
            See `core.analyses.retrieval_table.by_candidate`.
        """
        _check_choice("comparison", comparison, COMPARISONS)
        _check_choice("direction", direction, translation_ranks.DIRECTIONS)
        _check_choice("measure", measure, RANK_MEASURES)
        requested = self.experiment(experiment, **settings)
        with progress_shown(self._progress) as progress:
            pre, post = self._engine.answer(requested, translation_ranks.both, progress)
        return retrieval_table.by_candidate(pre, post, comparison, direction, measure)

    def map(self, experiment: Asked = None, /, **settings: Any) -> pd.DataFrame:
        """Place every sentence on the joint map of both spaces; see `core.analyses.sentence_table.map_points`."""
        return sentence_table.map_points(self._result(experiment, settings))

    def map_chart(self, experiment: Asked = None, /, **settings: Any) -> Any:
        """Draw the joint map as an Altair chart: dots before, crosses after, one colour for each language."""
        from core.charts.maps import joint_map  # Altair is loaded only where something is drawn
        from core.charts.palette import colours

        result = self._result(experiment, settings)
        frame = sentence_table.map_points(result)
        names = {code: describe(code).english for code in result.plan.languages}
        points = pd.concat(
            [
                frame[["text"]].assign(x=frame[x], y=frame[y], name=frame["language"].map(names), space=space)
                for space, x, y in (("before", "x_pre", "y_pre"), ("after", "x_post", "y_post"))
            ],
            ignore_index=True,
        )
        by_name = {names[code]: colour for code, colour in colours(result.plan.languages).items()}
        chart = joint_map(points, by_name).encode(tooltip=["name:N", "space:N", "text:N"])
        return chart.properties(width=480, height=480)

    def _result(self, experiment: Asked, settings: Mapping[str, Any]) -> Result:
        """Return a given result itself if no setting changes it; otherwise run the experiment."""
        return experiment if isinstance(experiment, Result) and not settings else self.run(experiment, **settings)

    def __repr__(self) -> str:
        return f"Session(cache={str(self.cache)!r})"

    def _repr_html_(self) -> str:
        return f"<p>Session; its cache is <code>{escape(str(self.cache))}</code>.</p>"


def run(experiment: Asked = None, /, **settings: Any) -> Result:
    """Run an experiment over the default cache; see `Session.run`."""
    return _default_session().run(experiment, **settings)


def load_corpus(sentences: Sentences, *, evaluate_all: bool = False) -> Corpus:
    """Read sentences by a spec, or keep lists and data frames in the default cache; see `Session.corpus`."""
    if isinstance(sentences, str):
        return load.load_corpus(sentences)
    return _default_session().corpus(sentences, evaluate_all=evaluate_all)


def load_model(
    name: str = EMBEDDED, *, revision: str | None = None, dtype: str = "auto", device: str = "auto"
) -> LoadedModel:
    """Load a model, ready to run; see `Session.model`."""
    return _default_session().model(name, revision=revision, dtype=dtype, device=device)


def _engine(root: Path) -> Engine:
    with _opening:
        engine = _engines.get(root)
        if engine is None:
            engine = _engines[root] = Engine(Store(root))
        return engine


def _default_session() -> Session:
    return _session_over(default_cache())


@lru_cache(maxsize=1)  # so that a model stays in memory from one call to the next
def _session_over(cache: Path) -> Session:
    return Session(cache)


def _names(value: Any) -> Any:
    """Turn a list of names, or a text with names between commas, into a tuple of names."""
    if isinstance(value, str):
        return split_names(value)
    return tuple(value) if isinstance(value, Iterable) else value


def _plain(value: Any) -> Any:
    """Turn a NumPy number into a Python number."""
    return value.item() if isinstance(value, np.generic) else value


def _check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    if value not in choices:
        raise SettingError(f"{name} {value!r}", "it is not one that is known", f"Use {' or '.join(choices)}.")
