"""Shared by the loaders of published corpora: files of aligned lines, each language read when it is first needed.

Oddities of a published file are noted, not refused: changing the file would make results incomparable. A file that
cannot be used is left out with a note; it is an error only if the user names its language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.corpora.file_memory import FileMemory, bytes_of, stamp
from core.corpora.validation import has_visible, listed, not_text, read_text, repeats
from core.errors import CorpusError
from core.language.codes import canonical

PAIRS_ALONE = "Evaluation only: one set a language pair, each with English sentences of its own; no probe sentences."
"""Noted of every corpus of pairs with English."""

_MOST_BYTES = 256 << 20


@dataclass(frozen=True)
class Lines:
    """The sentences of one published file.

    Attributes
    ----------
    sentences : tuple of str
        Without surrounding white space, in order.
    oddities : tuple of str
        What a reader should know of them, in words: ``"line 839 holds U+0008"``.
    ids : tuple of str, optional
        Names of the sentences, where the file has some: files correspond where these are equal.
    labels : tuple of str, optional
        Classes of the sentences, where the file has some.
    """

    sentences: tuple[str, ...]
    oddities: tuple[str, ...] = ()
    ids: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None


Read = Callable[[str, Path], Lines]
"""Reads one file: what was asked for, and the file; raises `CorpusError` where it cannot be used."""


def read_lines(what: str, path: Path) -> Lines:
    """Read a published file of one sentence a line.

    Blank lines at the end are left out, and characters that are no text are kept; both are noted.

    Raises
    ------
    CorpusError
        Where the file is missing, unreadable or not UTF-8, or a line before the last sentence is blank.
    """
    # Not splitlines(): a separator such as U+2028 within a sentence would shift every row below it.
    lines = [line.strip() for line in read_text(what, path).removesuffix("\n").split("\n")]
    count = len(lines)
    while lines and not has_visible(lines[-1]):
        lines.pop()
    blank = [f"line {number}" for number, line in enumerate(lines, start=1) if not has_visible(line)]
    if blank or not lines:
        why = f"{path} has blank sentences: {listed(blank)}" if blank else f"{path} holds no sentence"
        raise CorpusError(what, why, "Get the file again, as published, or leave its language out.")
    return Lines(tuple(lines), (*_blank_end(count - len(lines)), *odd_characters(lines)))


def _blank_end(count: int) -> tuple[str, ...]:
    """Say how many blank lines at the end are left out; empty if none is."""
    if not count:
        return ()
    return ("a blank last line is left out" if count == 1 else f"{count} blank lines at the end are left out",)


def odd_characters(sentences: Iterable[str]) -> tuple[str, ...]:
    """Say which lines hold characters that are not text, and which; empty if none does."""
    odd = [
        f"line {number} holds U+{code:04X}"
        for number, sentence in enumerate(sentences, start=1)
        if (code := not_text(sentence)) is not None
    ]
    return (f"{listed(odd)}, kept as published",) if odd else ()


class PublishedTexts(Mapping[str, tuple[str, ...]]):
    """Sentences by canonical language code; each language is read when it is first needed.

    Parameters
    ----------
    what : str
        What was asked for, for errors.
    name : str
        What to call the rows, in notes: ``"dev"``.
    files : mapping of str to Path
        By canonical code.
    reference : str
        The language that every other must correspond to, row by row.
    read : callable
        Reads one file.
    rows : slice
        Which of the files' rows are meant.
    """

    def __init__(
        self, what: str, name: str, files: Mapping[str, Path], reference: str, read: Read, rows: slice = slice(None)
    ) -> None:
        self._what, self._files, self._read, self._rows = what, dict(files), read, rows
        self._name, self._reference = name, reference
        self._expected = _read_once(what, self._files[reference], read)
        self._stamps = {code: stamp(path) for code, path in self._files.items()}

    def __getitem__(self, code: str) -> tuple[str, ...]:
        """The sentences of one language.

        Raises
        ------
        CorpusError
            Where its file cannot be used, or its lines do not correspond to the others'.
        """
        return self._lines(code).sentences[self._rows]

    def part(self, name: str, rows: slice) -> PublishedTexts:
        """The same languages in some of the rows, under a name of its own."""
        return PublishedTexts(self._what, name, self._files, self._reference, self._read, rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, code: object) -> bool:
        return code in self._files

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same sentences; of published ones, whether the files are the same, unchanged."""
        if isinstance(other, PublishedTexts):
            return (self._stamps, self._rows) == (other._stamps, other._rows)
        return isinstance(other, Mapping) and dict(self) == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def notes(self, codes: Iterable[str]) -> tuple[str, ...]:
        """Say what is odd in the sentences of some languages; they are kept as published."""
        codes = tuple(codes)
        odd = [f"{self._files[code].name}: {oddity}." for code in codes for oddity in self._lines(code).oddities]
        return (*odd, *repeat_notes({code: self[code] for code in codes}, self._name))

    def _lines(self, code: str) -> Lines:
        path, reference = self._files[code], self._files[self._reference]
        lines = _read_once(self._what, path, self._read)
        count, expected_count = len(lines.sentences), len(self._expected.sentences)
        if count != expected_count:
            why = f"{reference} has {expected_count} lines and {path} has {count}, so their lines do not correspond"
        elif lines.ids != self._expected.ids:
            why = f"{reference} and {path} name other rows, or the same in another order"
        else:
            return lines
        raise CorpusError(self._what, why, "Get both files again, from the same release.")


def aligned(
    what: str, name: str, files: Mapping[str, Path], at_least: int, read: Read = read_lines
) -> tuple[PublishedTexts, Lines]:
    """Make a mapping of languages whose files correspond line by line; each is read when it is first needed.

    Parameters
    ----------
    name : str
        What to call the rows, in notes.
    files : mapping of str to Path
        By canonical code; not empty.
    at_least : int
        The fewest rows.

    Returns
    -------
    texts : PublishedTexts
    reference : Lines
        The English file, or the first that can be read: every language must have its rows.

    Raises
    ------
    CorpusError
        Where no file can be read, or there are too few rows.
    """
    first_error: CorpusError | None = None
    for code in sorted(files, key=lambda code: code != "en"):
        try:
            reference = _read_once(what, files[code], read)
        except CorpusError as error:
            first_error = first_error or error
            continue
        if (rows := len(reference.sentences)) < at_least:
            why = f"{files[code]} has only {rows} lines"
            raise CorpusError(what, why, f"At least {at_least} are needed; get the whole file.")
        return PublishedTexts(what, name, files, code, read), reference
    assert first_error is not None
    raise first_error


def language_files(named: Iterable[tuple[str, Path]]) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Map each language to its file.

    Parameters
    ----------
    named : iterable of (str, Path)
        A language as the publisher writes it, and its file, in order.

    Returns
    -------
    files : dict of str to Path
        By canonical code.
    notes : tuple of str
        Files that are left out: their name is no language, or an earlier file is of the same language.
    """
    files: dict[str, Path] = {}
    notes = []
    for published, path in named:
        try:
            code = canonical(published)
        except CorpusError:
            notes.append(f"{path.name} is left out: {published!r} is no language code that is known.")
            continue
        if code in files:
            notes.append(f"{path.name} is left out: it is {code!r}, as {files[code].name} is.")
        else:
            files[code] = path
    return files, tuple(notes)


def repeat_notes(texts: Mapping[str, tuple[str, ...]], name: str) -> list[str]:
    """Note how many sentences of each language repeat an earlier one, if any do."""
    counts = {code: len(repeats(sentences)) for code, sentences in texts.items()}
    repeated = [f"{code} {count}" for code, count in counts.items() if count]
    return (
        [f"Sentences in {name} that repeat an earlier one, kept as published: {', '.join(repeated)}."]
        if repeated
        else []
    )


_memory: FileMemory[Lines] = FileMemory(_MOST_BYTES, lambda lines: bytes_of(lines.sentences))


def _read_once(what: str, path: Path, read: Read) -> Lines:
    """Do as ``read``, but read a file again only if its path, size or time has changed."""
    return _memory.get([path], read, lambda: read(what, path))
