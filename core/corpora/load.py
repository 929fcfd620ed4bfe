"""Loads a corpus by its spec: ``embedded``, ``flores:DIR``, ``table:FILE``, ...

A `Corpus` holds everything that a run needs to know of its sentences. `core.corpora.formats` lists the kinds of
corpora; `core.corpora.pawsx` reads paraphrases.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace

from core import access
from core.corpora.corpus import Corpus
from core.corpora.formats import FORMATS, Format
from core.errors import CorpusError
from core.location import expanded


def load_corpus(spec: str) -> Corpus:
    """Read the sentences that a spec names, and check them.

    Parameters
    ----------
    spec : str
        The name of a format and, after a colon, the folder or file: ``embedded``, ``flores:DIR``, ``table:FILE``.

    Returns
    -------
    Corpus
        Languages of a published corpus are read when they are asked for.

    Raises
    ------
    CorpusError
        Where the spec has none of these forms, or what it names is missing, damaged, or not parallel.
    """
    allowed = access.current()
    meant = allowed.corpus(spec)
    with allowed.veiled("corpus", spec):
        corpus = _read(meant)
    return corpus if meant == spec else replace(corpus, spec=spec, title=access.titled(spec), source="this server")


def _read(spec: str) -> Corpus:
    name, colon, place = spec.strip().partition(":")
    kind = FORMATS.get(name)
    if kind is not None and not kind.place and not colon:
        return _loader(kind)(spec)
    if kind is None or not kind.place or not place.strip():
        why = "no file or folder is named" if kind is not None and kind.place else "no such kind of corpus is known"
        raise CorpusError(
            f"corpus {spec!r}", why, f"Write one of: {', '.join(entry.form for entry in FORMATS.values())}."
        )
    return _loader(kind)(spec, expanded(place.strip()))


def _loader(kind: Format) -> Callable[..., Corpus]:
    module, _, function = kind.loader.partition(":")
    loader: Callable[..., Corpus] = getattr(importlib.import_module(module), function)
    return loader
