"""A corpus from a short text: ``embedded``, ``flores:DIR``, ``table:FILE``, ...

Everything a run needs to know of its sentences is a `Corpus`. `core.corpora.formats` says which kinds there are;
paraphrases are had by `core.corpora.pawsx`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from core.corpora.corpus import Corpus
from core.corpora.formats import FORMATS, Format
from core.errors import CorpusError


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
    name, colon, place = spec.strip().partition(":")
    known = FORMATS.get(name)
    if known is not None and not known.place and not colon:
        return _loader(known)(spec)
    if known is None or not known.place or not place.strip():
        why = "no file or folder is named" if known is not None and known.place else "no such kind of corpus is known"
        raise CorpusError(
            f"corpus {spec!r}", why, f"Write one of: {', '.join(entry.form for entry in FORMATS.values())}"
        )
    return _loader(known)(spec, Path(place.strip()).expanduser())


def _loader(kind: Format) -> Callable[..., Corpus]:
    module, _, function = kind.loader.partition(":")
    loader: Callable[..., Corpus] = getattr(importlib.import_module(module), function)
    return loader
