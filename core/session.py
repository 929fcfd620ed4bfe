"""The class for notebooks and scripts: one object that finds experts, embeds, measures and draws, over one cache.

Examples
--------
>>> import core
>>> session = core.Session()  # doctest: +SKIP
>>> result = session.run(target="es", experts=500)  # doctest: +SKIP
>>> session.retrieval(result)  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from core.analyses import (
    profit,
    retrieval_table,
    rival_spaces,
    rival_table,
    sentence_table,
    transfer,
    transfer_table,
    translation_ranks,
)
from core.analyses.profit import Profit
from core.analyses.sentence_table import Embeddings
from core.corpora import load
from core.corpora.corpus import Corpus
from core.experiment.hidden_states import hidden_states
from core.export import writing
from core.export.encoder import Encoder, encoders
from core.export.outcome import ExportedModel
from core.language.codes import describe
from core.location import default_cache
from core.models.loaded_model import LoadedModel
from core.models.spec import EMBEDDED
from core.neurons.experts import expert_table
from core.pipeline.joint_map import fitted, n_points
from core.pipeline.result import Result
from core.progress import progress_shown
from core.session_base import Asked, Sentences, check_choice, chosen_names, names, spec_of
from core.session_methods import SessionOfMethods
from core.spaces.retrieval import RANK_MEASURES
from core.spaces.rivals import RIVALS
from core.spaces.similarity import COMPARISONS
from core.spaces.space_measures import SPACE_MEASURES


class Session(SessionOfMethods):
    """Runs experiments and answers questions about them; what the cache has is not computed again.

    Every method takes an `Experiment`, a `Result` or nothing, and then settings by name: the fields of `Experiment`. A
    setting given by name replaces the experiment's. ``corpus`` and ``probe_corpus`` also take sentences, as `corpus`
    does. Methods may be called from several threads at once, and so may those of several sessions over one cache.

    Parameters
    ----------
    cache : str or Path, optional
        Folder in which results are kept; `core.location.default_cache` by default.
    shared : str, optional
        Address of a store that several machines share: ``s3://BUCKET/PREFIX``, ``gcs://BUCKET/PREFIX`` or
        ``file:///DIR``; ``$LANGUAGE_NEURONS_SHARED`` by default, and none where that is not set.
    progress : bool or callable, optional
        None: long work shows a bar on a terminal and in a notebook. False: never; True: always. A callable receives a
        `core.progress.Snapshot` now and then, and may raise `core.progress.Cancelled` to stop the work.

    Raises
    ------
    StoreError
        If the folder cannot be written to, or the address is none.
    """

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
        return expert_table(experts, plan.outline.neurons, plan.resolved.digest)

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
        check_choice("comparison", comparison, COMPARISONS)
        check_choice("direction", direction, translation_ranks.DIRECTIONS)
        check_choice("measure", measure, RANK_MEASURES)
        requested = self.experiment(experiment, **settings)
        with progress_shown(self._progress) as progress:
            pre, post = self._engine.answer(requested, translation_ranks.both, progress)
        return retrieval_table.by_candidate(pre, post, comparison, direction, measure)

    def rivals(
        self,
        experiment: Asked = None,
        /,
        *,
        rivals: Iterable[str] | None = None,
        measures: Iterable[str] | None = None,
        layers: Iterable[int] | str | int | None = None,
        by_pair: bool = False,
        **settings: Any,
    ) -> pd.DataFrame:
        """Measure what is free beside the intervention: maps fitted on the probe rows, with intervals and tests.

        Parameters
        ----------
        rivals, measures : iterable of str, optional
            Names in `core.spaces.rivals.RIVALS` and `core.spaces.space_measures.SPACE_MEASURES`, or ``("all",)``.
            All by default.
        layers : iterable of int, str or int, optional
            Hidden states, as ``[6, 9]``, ``6,last``, ``0-18`` or ``all``, beside the layer of the setting. By default,
            of each rival the one at which it does best on probe rows.
        by_pair : bool
            One row a space and ordered pair of languages, see `core.analyses.rival_table.pair_frame`.

        Returns
        -------
        DataFrame
            One row a space, see `core.analyses.rival_table.frame`; ``raw`` in space ``post`` is the intervention.
        """
        chosen = chosen_names("rival", rivals, RIVALS), chosen_names("measure", measures, SPACE_MEASURES)
        requested = self.experiment(experiment, **settings)
        at = None if layers is None else hidden_states(layers, self._engine.plan(requested).outline.n_layers)
        with progress_shown(self._progress) as progress:
            spaces = self._engine.answer(requested, lambda run: rival_spaces.compare(run, *chosen, at), progress)
        return rival_table.pair_frame(spaces) if by_pair else rival_table.frame(spaces)

    def transfer(
        self,
        experiment: Asked = None,
        /,
        *,
        train_languages: Iterable[str] | None = None,
        layers: Iterable[int] | str | int | None = None,
        rivals: Iterable[str] = ("own-means",),
        **settings: Any,
    ) -> pd.DataFrame:
        """Train a classifier of the corpus's labels on one language and test it on all, before and after.

        Parameters
        ----------
        train_languages : iterable of str, optional
            Each is trained on by itself; ``("all",)`` for every one tested on. English and the target by default.
        layers : iterable of int, str or int, optional
            Hidden states, as ``[6, 9]``, ``6,last``, ``0-18`` or ``all``; that of the setting ``layer`` by default.
        rivals : iterable of str
            Free maps beside the intervention: names in `core.spaces.rivals.RIVALS`, or ``("all",)``.

        Returns
        -------
        DataFrame
            See `core.analyses.transfer_table.table`.

        Raises
        ------
        SettingError
            Where the corpus has no labels, or something that is asked for is not there.
        """
        languages = None if train_languages is None else names(train_languages)
        layers = [layers] if isinstance(layers, int) else layers
        at = layers if layers is None or isinstance(layers, str) else ",".join(map(str, layers))
        asked = transfer.Settings(languages, at, names(rivals))
        requested = self.experiment(experiment, **settings)
        with progress_shown(self._progress) as progress:
            found = self._engine.answer(requested, lambda run: transfer.transfer(run, asked), progress)
        return transfer_table.table(found)

    def profit(
        self, experiment: Asked = None, /, *, train_languages: Iterable[str] | None = None, **settings: Any
    ) -> Profit:
        """Relate gains by language, of transfer and of retrieval, to how languages are alike; see `Profit`.

        Parameters
        ----------
        train_languages : iterable of str, optional
            As for `transfer`.

        Raises
        ------
        SettingError
            As `transfer`.
        """
        asked = transfer.Settings(None if train_languages is None else names(train_languages), rivals=())
        requested = self.experiment(experiment, **settings)
        with progress_shown(self._progress) as progress:
            return self._engine.answer(requested, lambda run: profit.profit(run, asked), progress)

    def encoder(self, experiment: Asked = None, /, *, before: bool = False, **settings: Any) -> Encoder:
        """Give an encoder of sentences under the intervention, as sentence-transformers' and mteb's encoders are used.

        Parameters
        ----------
        before : bool
            Give the unmodified model's instead, at the same layer.

        Examples
        --------
        >>> import core
        >>> encoder = core.Session().encoder(target="ja", experts=500)  # doctest: +SKIP
        >>> encoder.encode(["Good morning.", "おはよう。"]).shape  # doctest: +SKIP
        (2, 640)
        """
        requested = self.experiment(experiment, **settings)
        with progress_shown(self._progress) as progress:
            return self._engine.answer(requested, encoders, progress)[0 if before else 1]

    def export(
        self,
        folder: str | Path,
        experiment: Asked = None,
        /,
        *,
        include_model: bool = False,
        source: str | None = None,
        gguf: bool = False,
        **settings: Any,
    ) -> ExportedModel:
        """Write the model with the intervention in its weights into a new folder; see `core.export.writing.export`."""
        requested = self.experiment(experiment, **settings)
        writing.check_folder(Path(folder))
        with progress_shown(self._progress) as progress:
            return self._engine.answer(
                requested,
                lambda run: writing.export(run, Path(folder), include_model=include_model, source=source, as_gguf=gguf),
                progress,
            )

    def map(self, experiment: Asked = None, /, **settings: Any) -> pd.DataFrame:
        """Place every sentence on the joint map of both spaces; see `core.analyses.sentence_table.map_points`."""
        return sentence_table.map_points(self._result(experiment, settings))

    def map_chart(self, experiment: Asked = None, /, **settings: Any) -> Any:
        """Draw the joint map as an Altair chart: dots before, crosses after, one colour for each language.

        Of a map of more than some thousand sentences, those that it is fitted on.
        """
        from core.charts.maps import joint_map  # Altair is loaded only where something is drawn
        from core.charts.palette import colours

        result = self._result(experiment, settings)
        frame = sentence_table.map_points(result)
        if len(frame) == n_points(result.plan):
            frame = frame.iloc[fitted(result.plan)]
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


def run(experiment: Asked = None, /, **settings: Any) -> Result:
    """Run an experiment over the default cache; see `Session.run`."""
    return _default_session().run(experiment, **settings)


def load_corpus(sentences: Sentences, *, evaluate_all: bool = False) -> Corpus:
    """Read sentences by a spec, or keep lists and data frames in the default cache; see `Session.corpus`."""
    if isinstance(sentences, str | Path):
        return load.load_corpus(spec_of(sentences))
    return _default_session().corpus(sentences, evaluate_all=evaluate_all)


def load_model(
    name: str | Path = EMBEDDED,
    *,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    adapter: str | Path | None = None,
) -> LoadedModel:
    """Load a model, ready to run; see `Session.model`."""
    return _default_session().model(name, revision=revision, dtype=dtype, device=device, adapter=adapter)


def _default_session() -> Session:
    return _session_over(default_cache())


@lru_cache(maxsize=1)  # so that a model stays in memory from one call to the next
def _session_over(cache: Path) -> Session:
    return Session(cache)
