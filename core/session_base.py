"""What every question of a session goes through: its engine, its progress, and settings by name as an experiment."""

from __future__ import annotations

import difflib
import os
import threading
import weakref
from collections.abc import Iterable
from dataclasses import fields, replace
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from core import access
from core.corpora import load
from core.corpora.corpus import Corpus
from core.corpora.user_tables import FOLDER, SentencesByLanguage, keep_sentences
from core.errors import SettingError
from core.experiment.file import check_kinds
from core.experiment.kinds import NameList, split_names
from core.experiment.names import SETTINGS
from core.experiment.settings import Experiment
from core.location import default_cache
from core.models.loaded_model import LoadedModel
from core.models.resolve import resolve
from core.models.spec import EMBEDDED, ModelSpec
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.progress import Shown, progress_shown
from core.store.opening import open_store

Sentences: TypeAlias = str | Path | Corpus | SentencesByLanguage
"""A corpus by its spec (``"embedded"``, ``"flores:DIR"``, ...), the path of a table, a corpus that was loaded, lists by
language, or a frame."""

Asked: TypeAlias = Experiment | Result | None
"""What a question is about: an experiment, one that was run, or nothing but settings."""

# Sessions over one cache share an engine, so that a model is in memory once and its passes take turns.
_engines: weakref.WeakValueDictionary[tuple[Path, str], Engine] = weakref.WeakValueDictionary()
_opening = threading.Lock()


class SessionBase:
    """An engine over a cache, and experiments made from settings by name; `core.session.Session` asks the questions."""

    def __init__(self, cache: str | Path | None = None, progress: Shown = None, *, shared: str | None = None) -> None:
        root = Path(default_cache() if cache is None else cache).expanduser().resolve()
        self._engine = _engine(root, os.environ.get(access.SHARED, "") if shared is None else shared)
        self._progress = progress

    @property
    def cache(self) -> Path:
        """Folder in which results are kept."""
        return self._engine.store.root

    def corpus(self, sentences: Sentences, *, evaluate_all: bool = False) -> Corpus:
        """Read sentences from a corpus by its spec, or from lists or a data frame.

        Parameters
        ----------
        sentences : str, Path, mapping of str to sequence of str, or DataFrame
            A path is that of a table's file. See `core.corpora.load.load_corpus` and
            `core.corpora.user_tables.keep_sentences`. Lists are kept as a table in the cache, under the digest of their
            content.
        evaluate_all : bool
            Lists without a ``split``: use every row for evaluation, so that the neurons are found on another corpus.

        Raises
        ------
        CorpusError
        """
        if isinstance(sentences, Corpus):
            return sentences
        if isinstance(sentences, str | Path):
            return load.load_corpus(spec_of(sentences))
        return keep_sentences(sentences, self.cache / FOLDER, evaluate_all=evaluate_all)

    def model(
        self,
        name: str | Path = EMBEDDED,
        *,
        revision: str | None = None,
        dtype: str = "auto",
        device: str = "auto",
        adapter: str | Path | None = None,
    ) -> LoadedModel:
        """Load a model, ready to run: the same that experiments with these five settings run on.

        Raises
        ------
        ModelError
        """
        with progress_shown(self._progress) as progress:
            progress.stage("loading the model")
            spec = ModelSpec(str(name), revision, dtype, device, None if adapter is None else str(adapter))
            return self._engine.models.get(resolve(spec))

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
            name: names(value) if isinstance(SETTINGS[name].kind, NameList) else plain(value)
            for name, value in settings.items()
        }
        elsewhere = changes.get("probe_corpus", base.probe_corpus) is not None
        for name in ("corpus", "probe_corpus"):
            if name in changes and changes[name] is not None and not isinstance(changes[name], str):
                changes[name] = self.corpus(changes[name], evaluate_all=elsewhere and name == "corpus").spec
        changes = {name: str(value) if isinstance(value, Path) else value for name, value in changes.items()}
        check_kinds("an experiment", {name: list(v) if isinstance(v, tuple) else v for name, v in changes.items()})
        return replace(base, **changes)

    def __repr__(self) -> str:
        return f"Session(cache={str(self.cache)!r})"

    def _repr_html_(self) -> str:
        return f"<p>Session; its cache is <code>{escape(str(self.cache))}</code>.</p>"


def _engine(root: Path, shared: str) -> Engine:
    with _opening:
        engine = _engines.get((root, shared))
        if engine is None:
            engine = _engines[root, shared] = Engine(open_store(root, shared=shared))
        return engine


def spec_of(sentences: str | Path) -> str:
    """The spec of a corpus; a path is that of a table's file."""
    return f"table:{sentences}" if isinstance(sentences, Path) else sentences


def names(value: Any) -> Any:
    """Turn a list of names, or a text with names between commas, into a tuple of names."""
    if isinstance(value, str):
        return split_names(value)
    return tuple(value) if isinstance(value, Iterable) else value


def plain(value: Any) -> Any:
    """Turn a NumPy number into a Python number."""
    return value.item() if isinstance(value, np.generic) else value


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise `SettingError` unless a value is among the choices."""
    if value not in choices:
        raise SettingError(f"{name} {value!r}", "it is not one that is known", f"Use {' or '.join(choices)}.")


def chosen_names(name: str, given: Iterable[str] | None, known: Iterable[str]) -> tuple[str, ...]:
    """Read names among those that are known, every one for ``all`` or None; raise `SettingError` for another."""
    every = tuple(known)
    chosen: tuple[str, ...] = every if given is None else names(given)
    if chosen == ("all",):
        return every
    for one in chosen:
        check_choice(name, one, every)
    return chosen
