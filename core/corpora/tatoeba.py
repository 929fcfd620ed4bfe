"""The Tatoeba retrieval test in LASER's layout."""

from __future__ import annotations

import re
from pathlib import Path

from core.corpora.corpus import Corpus, ParallelSet
from core.corpora.published import aligned, code_of_file, repeat_notes
from core.corpora.validation import MIN_ROWS, folder_contents
from core.errors import CorpusError

_TATOEBA_NAME = re.compile(r"tatoeba\.(?P<pair>(?P<code>[A-Za-z_]+)-eng)\.(?:(?P=code)|eng)")


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
        Where files are missing, damaged or of unequal length.
    """
    what = f"corpus {spec!r}"
    names = [match for path in folder_contents(what, folder) if (match := _TATOEBA_NAME.fullmatch(path.name))]
    codes = {match["pair"]: match["code"] for match in names if match["code"] not in ("eng", "en")}
    if not codes:
        why = f"{folder} has no files tatoeba.<lang>-eng.<lang> and tatoeba.<lang>-eng.eng"
        raise CorpusError(what, why, "Name the folder in which they lie, in LASER's layout data/tatoeba/v1")
    pairs: dict[str, ParallelSet] = {}
    notes = ["Evaluation only: one set a language pair, each with English sentences of its own; no probe sentences."]
    for pair, published in codes.items():
        code = code_of_file(what, published, folder / f"tatoeba.{pair}.{published}")
        if code in pairs:
            notes.append(f"{pair} is left out: {published!r} means {code!r}, of which there is a pair already.")
            continue
        files = {"en": folder / f"tatoeba.{pair}.eng", code: folder / f"tatoeba.{pair}.{published}"}
        pairs[code] = aligned(what, files, pair, MIN_ROWS)
        notes += repeat_notes(pairs[code], pair)
    return Corpus(
        spec=spec,
        kind="tatoeba",
        title="Tatoeba retrieval test",
        licence="CC-BY 2.0 FR",
        source=f"Artetxe and Schwenk 2019, read from {folder}",
        probe=None,
        evaluation=tuple(pairs.values()),
        notes=tuple(notes),
    )
