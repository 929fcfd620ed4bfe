"""The Tatoeba retrieval test in LASER's layout."""

from __future__ import annotations

import re
from pathlib import Path

from core.corpora.corpus import Corpus, ParallelSet
from core.corpora.published import PAIRS_ALONE, aligned, language_files
from core.corpora.validation import MIN_ROWS, folder_contents
from core.errors import CorpusError

_NAME = re.compile(r"tatoeba\.(?P<pair>(?P<code>[A-Za-z_]+)-eng)\.(?:(?P=code)|eng)")


def load_tatoeba(spec: str, folder: Path) -> Corpus:
    """Read the Tatoeba retrieval test of Artetxe and Schwenk: English against one language at a time.

    Parameters
    ----------
    spec : str
        As it was asked for.
    folder : Path
        A folder with ``tatoeba.<lang>-eng.<lang>`` and ``tatoeba.<lang>-eng.eng``.

    Returns
    -------
    Corpus
        With one evaluation set a pair, and no probe: the English sides differ, so no row is in all languages.

    Raises
    ------
    CorpusError
        Where there is no pair, or none can be used.
    """
    what = f"corpus {spec!r}"
    names = [match for path in folder_contents(what, folder) if (match := _NAME.fullmatch(path.name))]
    published = {match["code"]: match["pair"] for match in names if match["code"] not in ("eng", "en")}
    if not published:
        why = f"{folder} has no files tatoeba.<lang>-eng.<lang> and tatoeba.<lang>-eng.eng"
        raise CorpusError(what, why, "Name the folder in which they lie, in LASER's layout data/tatoeba/v1.")
    foreign, notes = language_files((code, folder / f"tatoeba.{pair}.{code}") for code, pair in published.items())
    pairs: dict[str, ParallelSet] = {}
    left_out: dict[str, str] = {}
    for code, path in foreign.items():
        try:
            pairs[code] = _pair(what, code, path)
        except CorpusError as error:
            left_out[code] = error.why
    if not pairs:
        raise CorpusError(what, next(iter(left_out.values()), " ".join(notes)), "Get the files again, as published.")
    return Corpus(
        spec=spec,
        kind="tatoeba",
        title="Tatoeba retrieval test",
        licence="CC-BY 2.0 FR",
        source=f"Artetxe and Schwenk 2019, read from {folder}",
        probe=None,
        evaluation=tuple(pairs.values()),
        notes=(
            PAIRS_ALONE,
            *notes,
            *(f"{code} is left out: {why}." for code, why in left_out.items()),
        ),
        left_out=left_out,
    )


def _pair(what: str, code: str, path: Path) -> ParallelSet:
    """Read one pair of languages; both sides are read at once, so that a missing one is noticed here."""
    files = {"en": path.with_suffix(".eng"), code: path}
    pair = path.name.split(".")[1]
    texts, reference = aligned(what, pair, files, MIN_ROWS)
    for side in files:
        texts[side]
    return ParallelSet(tuple(f"{pair}:{line}" for line in range(1, len(reference.sentences) + 1)), texts)
