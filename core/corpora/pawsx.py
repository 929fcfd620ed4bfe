"""PAWS-X: pairs of sentences of one language that say the same thing, from the published test set.

It is not a `Corpus`: once missing sentences are left out, its rows are not parallel across languages. Paraphrase
retrieval looks for a sentence's paraphrase within the same language.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.corpora.validation import folder_contents, has_visible, is_folder, listed, read_text
from core.errors import CorpusError
from core.language.codes import canonical

_FILE = "test_2k.tsv"
_HEADER = ["id", "sentence1", "sentence2", "label"]
_MISSING = ("", "NS")  # cells of sentences that were not translated
_LEAST = 2


@dataclass(frozen=True)
class Paraphrases:
    """Sentences of one language and a paraphrase of each.

    Attributes
    ----------
    language : str
        Canonical code.
    ids : tuple of str
        As published, length n_pairs.
    first, second : tuple of str
        Sentences, length n_pairs; row i of both means the same.
    left_out : int
        Paraphrase pairs of the file of which a sentence is missing (empty, or ``NS``).
    """

    language: str
    ids: tuple[str, ...]
    first: tuple[str, ...]
    second: tuple[str, ...]
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.ids)


def pawsx_languages(folder: Path) -> tuple[str, ...]:
    """Give the canonical codes of the languages in a folder of PAWS-X, in the order of its names.

    Raises
    ------
    CorpusError
        Where there is no such folder, or no test set in it.
    """
    return tuple(_files(_what(folder), folder))


def load_pawsx(folder: Path, language: str) -> Paraphrases:
    """Read the paraphrases of one language: the pairs of its test set with label 1.

    Parameters
    ----------
    folder : Path
        With ``<language>/test_2k.tsv``, as published, or the parent of such a folder ``x-final``. A header ``id
        sentence1 sentence2 label``, then one pair a line, cells separated by tabs. A quotation mark is text.
    language : str
        A code in any standard.

    Returns
    -------
    Paraphrases

    Raises
    ------
    CorpusError
        Where the language is not there, or the file is missing or damaged; it names the file and the line.
    """
    what, code = f"{_what(folder)}, language {language!r}", canonical(language)
    files = _files(what, folder)
    if code not in files:
        raise CorpusError(what, f"{folder} has no test set of it", f"Choose from: {', '.join(files)}.")
    pairs, left_out = _pairs(what, files[code])
    if len(pairs) < _LEAST:
        why = f"{files[code]} has {len(pairs)} whole paraphrase pairs"
        raise CorpusError(what, why, f"At least {_LEAST} are needed; get the whole file.")
    places, ids, first, second = zip(*pairs, strict=True)
    for number, *pair in zip(places, first, second, strict=True):
        if not all(map(has_visible, pair)):
            raise CorpusError(what, f"line {number} of {files[code]} has a blank sentence", "Get the file again.")
    return Paraphrases(code, ids, first, second, left_out)


def _what(folder: Path) -> str:
    return f"PAWS-X in {folder}"


def _files(what: str, folder: Path) -> dict[str, Path]:
    """Map canonical codes to the test sets in a folder, or in ``x-final`` in it."""
    contents = folder_contents(what, folder)
    files = _test_sets(what, contents)
    if not files and is_folder(folder / "x-final"):
        files = _test_sets(what, folder_contents(what, folder / "x-final"))
    if not files:
        why = f"{folder} has no <language>/{_FILE}, nor has a folder x-final in it"
        instead = "Name the folder that the archive was unpacked in (python -m core data get pawsx)."
        raise CorpusError(what, why, instead)
    return files


def _test_sets(what: str, folders: list[Path]) -> dict[str, Path]:
    test_sets: dict[str, Path] = {}
    for path in (folder / _FILE for folder in folders if is_folder(folder) and (folder / _FILE).exists()):
        try:
            code = canonical(path.parent.name)
        except CorpusError as error:
            why = f"the folder of {path} is not named after a language: {error.why}"
            raise CorpusError(what, why, "Rename it, or take it away.") from None
        if code in test_sets:
            why = f"{test_sets[code]} and {path} are the same language, {code!r}"
            raise CorpusError(what, why, "Take one of them away.")
        test_sets[code] = path
    return test_sets


def _pairs(what: str, path: Path) -> tuple[list[tuple[int, str, str, str]], int]:
    """Read (line, id, sentence, paraphrase) of the whole pairs with label 1, and count those that are not whole."""
    header, *lines = read_text(what, path).rstrip("\r\n").split("\n")
    if (columns := header.strip().split("\t")) != _HEADER:
        why = f"line 1 of {path} has the columns {listed(columns)}, not {', '.join(_HEADER)}"
        raise CorpusError(what, why, "Get the file again, as published.")
    pairs, left_out = [], 0
    for number, line in enumerate(lines, start=2):
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != len(_HEADER):
            why = f"line {number} of {path} has {len(cells)} cells, not {len(_HEADER)}"
            raise CorpusError(what, why, "Get the file again, as published: a cell holds no tab and no line break.")
        name, first, second, label = cells
        if label not in ("0", "1"):
            why = f"line {number} of {path} has the label {label!r}"
            raise CorpusError(what, why, "Labels are 0 and 1; get the file again, as published.")
        if label == "0":
            continue
        if first in _MISSING or second in _MISSING:
            left_out += 1
        else:
            pairs.append((number, name, first, second))
    return pairs, left_out
