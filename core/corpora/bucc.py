"""BUCC 2018: sentence pairs with English within two large texts, read as a retrieval test by their gold standard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from core.corpora.corpus import Corpus, ParallelSet
from core.corpora.file_memory import FileMemory, bytes_of
from core.corpora.published import PAIRS_ALONE, odd_characters, repeat_notes
from core.corpora.validation import MIN_ROWS, folder_contents, has_visible, is_folder, listed, read_text
from core.errors import CorpusError
from core.language.codes import canonical

# XTREME's preparation renames training to test and sample to dev, and leaves the rest as it was.
_NAME = re.compile(r"(?P<pair>(?P<code>[a-z]{2,3})-en)\.(?P<split>test|training|sample|dev)\.gold")
_SPLITS = ("test", "training", "sample", "dev")

# Texts take seconds to read.
_MOST_BYTES = 64 << 20
_memory: FileMemory[ParallelSet] = FileMemory(_MOST_BYTES, lambda rows: sum(map(bytes_of, rows.texts.values())))


@dataclass(frozen=True)
class _Gold:
    """One gold standard: the pair of languages, the split, and the folder that it lies in."""

    pair: str
    code: str
    split: str
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / f"{self.pair}.{self.split}.gold"

    def text(self, language: str) -> Path:
        return self.folder / f"{self.pair}.{self.split}.{language}"


def load_bucc(spec: str, folder: Path) -> Corpus:
    """Read BUCC 2018: English against one language at a time, the pairs of the gold standard.

    Both texts hold many more sentences, without a known translation; these are no candidates here, as in the paper.
    Of several splits of a pair of languages the test is read if its gold standard is there (it is not published),
    else the training split, else the sample.

    Parameters
    ----------
    spec : str
        As it was asked for.
    folder : Path
        With ``<xx>-en.<split>.{xx,en}`` (lines ``id<TAB>sentence``) and ``<xx>-en.<split>.gold`` (lines
        ``xx-id<TAB>en-id``), in it or in folders ``<xx>-en``, or the parent of such a folder ``bucc2018``.

    Returns
    -------
    Corpus
        With one evaluation set a pair of languages, in the order of the gold standard, and no probe.

    Raises
    ------
    CorpusError
        Where a gold standard or a text is missing or damaged, or names a sentence that is not there; with the line.
    """
    what = f"corpus {spec!r}"
    notes = [
        PAIRS_ALONE,
        "Candidates of retrieval are the gold standard's sentences alone, without the thousands of others in the "
        "published texts, which mining can add (--distractors).",
    ]
    pairs: dict[str, ParallelSet] = {}
    for code, gold in _gold_standards(what, folder).items():
        files = (gold.path, gold.text(gold.code), gold.text("en"))
        pairs[code] = _memory.get(files, code, partial(_read, what, code, gold))
        name = f"{gold.pair}, {gold.split}"
        notes.append(f"{gold.pair}: {len(pairs[code])} pairs of the {gold.split} split.")
        notes += repeat_notes(pairs[code].texts, name)
        notes += [
            f"{name}, {side}: {odd}." for side, texts in pairs[code].texts.items() for odd in odd_characters(texts)
        ]
    return Corpus(
        spec=spec,
        kind="bucc",
        title="BUCC 2018 gold pairs",
        licence="see its page; text from Wikipedia (CC-BY-SA) and News Commentary",
        source=f"Zweigenbaum, Sharoff and Rapp 2018, read from {folder}",
        probe=None,
        evaluation=tuple(pairs.values()),
        notes=tuple(notes),
    )


def distractors(spec: str, folder: Path, code: str, first: int | None = None) -> dict[str, tuple[str, ...]]:
    """Read the sentences of one pair's texts that the gold standard does not name: candidates without a translation.

    Parameters
    ----------
    spec : str
        As it was asked for.
    folder : Path
        As `load_bucc` reads it.
    code : str
        Canonical code of the language that is paired with English.
    first : int, optional
        How many of each text, from its top; all of them unless given. Blank ones are left out.

    Returns
    -------
    dict of str to tuple of str
        By language, ``en`` first; the sentences of the two languages do not correspond.
    """
    what = f"corpus {spec!r}"
    gold = _gold_standards(what, folder)[code]
    named = [set(names) for names in zip(*((f, e) for _, f, e in _two_columns(what, gold.path)), strict=True)]
    texts: dict[str, tuple[str, ...]] = {}
    for language, path, names in (("en", gold.text("en"), named[1]), (code, gold.text(gold.code), named[0])):
        others = (text for _, name, text in _two_columns(what, path) if name not in names and has_visible(text))
        texts[language] = tuple(islice(others, first))
    return texts


def _gold_standards(what: str, folder: Path) -> dict[str, _Gold]:
    """Find the gold standard to read for each language: by canonical code, in the order of the codes."""
    contents = folder_contents(what, folder)
    inner_contents = folder_contents(what, folder / "bucc2018") if is_folder(folder / "bucc2018") else []
    places = [
        folder,
        folder / "bucc2018",
        *(path for path in (*contents, *inner_contents) if path.name.endswith("-en")),
    ]
    standards: dict[str, _Gold] = {}
    texts: list[Path] = []
    for subfolder in (subfolder for subfolder in places if is_folder(subfolder)):
        for path in folder_contents(what, subfolder):
            match = _NAME.fullmatch(path.name)
            if match is None:
                texts += [path] if re.fullmatch(r"[a-z]{2,3}-en\.\w+\.[a-z]{2,3}", path.name) else []
                continue
            candidate = _Gold(match["pair"], match["code"], match["split"], subfolder)
            code = _canonical(what, candidate)
            current = standards.get(code)
            if current is not None and current.split == candidate.split:
                raise CorpusError(
                    what, f"{current.path} and {candidate.path} are the same set", "Take one of them away."
                )
            if current is None or _SPLITS.index(candidate.split) < _SPLITS.index(current.split):
                standards[code] = candidate
    if not standards and texts:
        why = f"{texts[0].parent} has texts ({listed(path.name for path in texts)}) and no gold standard"
        raise CorpusError(what, why, "Get bucc2018-<xx>-en.training-gold.tar.bz2, which has <xx>-en.training.gold.")
    if not standards:
        why = f"{folder} has no <xx>-en.<split>.gold, nor have folders <xx>-en or bucc2018 in it"
        raise CorpusError(what, why, "Name the folder that the archives were unpacked in (python -m core data).")
    return dict(sorted(standards.items()))


def _canonical(what: str, gold: _Gold) -> str:
    try:
        code = canonical(gold.code)
    except CorpusError as error:
        why = f"the name of {gold.path} has no known language code in it: {error.why}"
        raise CorpusError(what, why, "Rename the file, or take it out of the folder.") from None
    if code == "en":
        raise CorpusError(what, f"{gold.path} is a pair of English with English", "Take it out of the folder.")
    return code


def _read(what: str, code: str, gold: _Gold) -> ParallelSet:
    """Read the pairs of one gold standard, in its order."""
    pairs = list(_two_columns(what, gold.path))
    if len(pairs) < MIN_ROWS:
        why = f"{gold.path} has only {len(pairs)} pairs"
        raise CorpusError(what, why, f"At least {MIN_ROWS} are needed; get the whole file.")
    columns = {code: (0, gold.text(gold.code)), "en": (1, gold.text("en"))}
    texts = {
        language: _chosen(what, path, gold.path, [(line, pair[column]) for line, *pair in pairs])
        for language, (column, path) in columns.items()
    }
    ids = tuple(f"{gold.split}:{foreign}:{english}" for _, foreign, english in pairs)
    return ParallelSet(ids, {"en": texts["en"], code: texts[code]})


def _chosen(what: str, path: Path, gold: Path, named: list[tuple[int, str]]) -> tuple[str, ...]:
    """Take the sentences that (line of the gold standard, id) name out of a text."""
    sentences = _by_id(what, path, {name for _, name in named})
    for line, name in named:
        if name not in sentences:
            why = f"line {line} of {gold} names {name!r}, which is not in {path}"
            raise CorpusError(what, why, "Get both files again, from the same release.")
    chosen = [sentences[name] for _, name in named]
    if blank := [f"line {line}" for line, text in chosen if not has_visible(text)]:
        raise CorpusError(what, f"{path} has blank sentences: {listed(blank)}", "Get the file again, as published.")
    return tuple(text for _, text in chosen)


def _by_id(what: str, path: Path, wanted: set[str]) -> Mapping[str, tuple[int, str]]:
    """Read the wanted sentences of a text of some hundred thousand lines: id -> (line, sentence)."""
    sentences: dict[str, tuple[int, str]] = {}
    for line, name, sentence in _two_columns(what, path):
        if name not in wanted:
            continue
        if name in sentences:
            why = f"lines {sentences[name][0]} and {line} of {path} have the same id, {name!r}"
            raise CorpusError(what, why, "Get the file again, as published.")
        sentences[name] = (line, sentence)
    return sentences


def _two_columns(what: str, path: Path) -> Iterator[tuple[int, str, str]]:
    """Read lines of two cells, as (line, first, second)."""
    cells = "an id, a tab and an id" if path.suffix == ".gold" else "an id, a tab and text"
    for number, line in enumerate(read_text(what, path).rstrip("\r\n").split("\n"), start=1):
        first, tab, second = line.partition("\t")
        if not tab or not first.strip() or (path.suffix == ".gold" and not second.strip()):
            raise CorpusError(what, f"line {number} of {path} is not {cells}", "Get the file again, as published.")
        yield number, first.strip(), second.strip()
