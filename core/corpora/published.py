"""What loaders of published corpora share: files of aligned lines, and what is noted of them.

What is odd in a published set is noted, not refused: changing it would make results incomparable.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.corpora.corpus import ParallelSet
from core.corpora.validation import read_sentences, repeats
from core.errors import CorpusError
from core.language.codes import canonical


def code_of_file(what: str, published: str, path: Path) -> str:
    """The canonical code of the language that a published file's name says; raises `CorpusError` if it is none."""
    try:
        return canonical(published)
    except CorpusError as error:
        why = f"the name of {path} has no known language code in it: {error.why} ({published!r})"
        raise CorpusError(what, why, "Rename the file after its language, or take it out of the folder") from None


def aligned(what: str, files: Mapping[str, Path], name: str, at_least: int) -> ParallelSet:
    """Read one file a language into a set whose rows are the files' lines, ``<name>:<line>``."""
    texts = {code: read_sentences(what, path) for code, path in files.items()}
    first, *others = texts
    for code in others:
        if len(texts[code]) != len(texts[first]):
            why = (
                f"{files[first]} has {len(texts[first])} lines and {files[code]} has {len(texts[code])}, "
                "so their lines do not correspond"
            )
            raise CorpusError(what, why, "Get both files again, from the same release")
    rows = len(texts[first])
    if rows < at_least:
        why = f"{files[first]} has only {rows} lines"
        raise CorpusError(what, why, f"At least {at_least} are needed; get the whole file")
    return ParallelSet(tuple(f"{name}:{line}" for line in range(1, rows + 1)), texts)


def repeat_notes(rows: ParallelSet, name: str) -> list[str]:
    """Note how many sentences of each language repeat an earlier one, if any do."""
    counts = {code: len(repeats(sentences)) for code, sentences in rows.texts.items()}
    found = [f"{code} {count}" for code, count in counts.items() if count]
    return [f"Sentences in {name} that repeat an earlier one, kept as published: {', '.join(found)}."] if found else []
