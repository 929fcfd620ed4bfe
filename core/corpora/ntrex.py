"""NTREX-128 in its published layout: news in English and references in 128 languages and varieties."""

from __future__ import annotations

import re
from pathlib import Path

from core.corpora.corpus import Corpus, ParallelSet, taken_from
from core.corpora.published import PublishedTexts, aligned, language_files
from core.corpora.validation import MIN_LANGUAGES, MIN_ROWS, folder_contents, is_folder, listed, read_text
from core.errors import CorpusError

_NAME = re.compile(r"newstest2019-(?P<kind>src|ref(?:-\d+)?)\.(?P<code>[A-Za-z-]+)\.txt")
_FOLDER = "NTREX-128"


def load_ntrex(spec: str, folder: Path) -> Corpus:
    """Read NTREX-128: the first half of the documents to probe with, the rest to evaluate on.

    Languages are read when they are asked for.

    Parameters
    ----------
    spec : str
        As it was asked for.
    folder : Path
        With ``newstest2019-src.eng.txt`` and ``newstest2019-ref.<code>.txt``, or the published folder that holds
        ``NTREX-128``. ``DOCUMENT_IDS.tsv``, beside the files or one folder up, says where documents end.

    Returns
    -------
    Corpus

    Raises
    ------
    CorpusError
        Where the folder has too few languages or rows.
    """
    what = f"corpus {spec!r}"
    places = [folder, *([folder / _FOLDER] if is_folder(folder / _FOLDER) else [])]
    named_files = [
        (match, path)
        for place in places
        for path in folder_contents(what, place)
        if (match := _NAME.fullmatch(path.name))
    ]
    first_references = [(match["code"], path) for match, path in named_files if match["kind"] in ("src", "ref")]
    further = [path for match, path in named_files if match["kind"] not in ("src", "ref")]
    files, notes = language_files(
        sorted(first_references, key=lambda named: ("-src." not in named[1].name, named[1].name))
    )
    if len(files) < MIN_LANGUAGES:
        why = f"{folder} has {len(files)} files newstest2019-ref.<code>.txt or newstest2019-src.eng.txt"
        raise CorpusError(what, why, "Name the folder NTREX-128 of the published set, or the one that holds it.")
    texts, reference = aligned(what, "newstest2019", files, MIN_ROWS)
    rows = len(reference.sentences)
    half, by_document = _half(what, rows, next(iter(files.values())).parent)
    ids = tuple(f"newstest2019:{line}" for line in range(1, rows + 1))
    return Corpus(
        spec=spec,
        kind="ntrex",
        title="NTREX-128",
        licence="CC-BY-SA 4.0",
        source=f"Federmann, Kocmi and Xin 2022, read from {folder}",
        probe=_side(ids, texts, "probe", "the first half", slice(half)),
        evaluation=(_side(ids, texts, "evaluation", "the second half", slice(half, None)),),
        notes=(
            *(["No document is in both halves."] if by_document else []),
            *(f"{path.name} is left out: it is a further reference." for path in further),
            *notes,
        ),
    )


def _side(ids: tuple[str, ...], texts: PublishedTexts, role: str, part: str, rows: slice) -> ParallelSet:
    return ParallelSet(ids[rows], texts.part(part, rows), (taken_from(role, part, len(ids[rows])),))


def _half(what: str, rows: int, folder: Path) -> tuple[int, bool]:
    """Find where the first half of the rows ends: at the end of a document, if the documents are known."""
    for path in (folder / "DOCUMENT_IDS.tsv", folder.parent / "DOCUMENT_IDS.tsv"):
        if not path.is_file():
            continue
        documents = [line.strip() for line in read_text(what, path).removesuffix("\n").split("\n")]
        if len(documents) != rows:
            why = f"{path} has {len(documents)} lines for {rows} sentences"
            raise CorpusError(what, why, f"Get the files again, from the same release ({listed(documents, 1)}, ...).")
        ends = [row for row in range(1, rows) if documents[row] != documents[row - 1]]
        if ends:
            return min(ends, key=lambda row: abs(row - rows / 2)), True
    return rows // 2, False
