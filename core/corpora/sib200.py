"""SIB-200 in its published layout: sentences of FLORES in 205 languages, each with its topic as label."""

from __future__ import annotations

from pathlib import Path

from core.corpora.corpus import Corpus, ParallelSet, taken_from
from core.corpora.published import Lines, aligned, language_files, odd_characters
from core.corpora.validation import MIN_LANGUAGES, MIN_ROWS, folder_contents, has_visible, is_folder, listed, read_text
from core.errors import CorpusError

_HEADER = ["index_id", "category", "text"]
_PROBE, _EVALUATION = "train", "test"
_PLACES = ("", "annotated", "data/annotated")


def load_sib200(spec: str, folder: Path) -> Corpus:
    """Read the sentences of SIB-200: the split ``train`` to probe with, ``test`` to evaluate on.

    Languages are read when they are asked for.

    Parameters
    ----------
    spec : str
        As it was asked for.
    folder : Path
        With ``<code>/train.tsv`` and ``<code>/test.tsv``, or the published folder that holds ``data/annotated``.

    Returns
    -------
    Corpus

    Raises
    ------
    CorpusError
        Where the folder has too few languages or rows.
    """
    what = f"corpus {spec!r}"
    folder_contents(what, folder)
    for place in _PLACES:
        languages = folder_contents(what, folder / place) if is_folder(folder / place) else []
        complete = [
            candidate
            for candidate in languages
            if all((candidate / f"{split}.tsv").is_file() for split in (_PROBE, _EVALUATION))
        ]
        if complete:
            break
    files, notes = language_files((path.name, path) for path in complete)
    if len(files) < MIN_LANGUAGES:
        why = f"{folder} has {len(files)} folders <code> with {_PROBE}.tsv and {_EVALUATION}.tsv"
        raise CorpusError(what, why, "Name the folder data/annotated of the published set, or the one that holds it.")
    probe, evaluation = _side(what, files, _PROBE, "probe"), _side(what, files, _EVALUATION, "evaluation")
    return Corpus(
        spec=spec,
        kind="sib200",
        title="SIB-200",
        licence="Apache-2.0; sentences of FLORES-200, CC-BY-SA 4.0",
        source=f"Adelani et al. 2024, read from {folder}",
        probe=probe,
        evaluation=(evaluation,),
        notes=tuple(notes),
    )


def _side(what: str, folders: dict[str, Path], split: str, role: str) -> ParallelSet:
    files = {code: folder / f"{split}.tsv" for code, folder in folders.items()}
    texts, reference = aligned(what, split, files, MIN_ROWS // 2, _read)
    ids = tuple(f"{split}:{name}" for name in reference.ids or ())
    return ParallelSet(ids, texts, (taken_from(role, split, len(ids)),), reference.labels)


def _read(what: str, path: Path) -> Lines:
    """Sentences of one language and split, with published ids and topics: ``index_id, category, text``, unquoted."""
    header, *lines = read_text(what, path).removesuffix("\n").split("\n")
    instead = "Get the file again, as published, or leave its language out."
    if (columns := header.strip().split("\t")) != _HEADER:
        raise CorpusError(what, f"line 1 of {path} has the columns {listed(columns)}, not {listed(_HEADER)}", instead)
    rows = [[cell.strip() for cell in line.split("\t")] for line in lines]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(_HEADER) or not has_visible(row[2]):
            raise CorpusError(what, f"line {number} of {path} is not an id, a topic and a sentence", instead)
    sentences = tuple(row[2] for row in rows)
    return Lines(
        sentences, odd_characters(sentences), tuple(row[0] for row in rows), labels=tuple(row[1] for row in rows)
    )
