"""Loaders of published corpora in the layouts in which they are distributed: FLORES-200 and Tatoeba."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from core.corpora.model import Corpus, ParallelSet
from core.corpora.text import MIN_LANGUAGES, MIN_ROWS, folder_contents, is_folder, listed, read_sentences, repeats
from core.errors import CorpusError
from core.languages import canonical

_TATOEBA_NAME = re.compile(r"tatoeba\.(?P<pair>(?P<code>[A-Za-z_]+)-eng)\.(?:(?P=code)|eng)")
_MIN_SIDE = MIN_ROWS // 2


def load_flores(spec: str, folder: Path) -> Corpus:
    """Read FLORES-200: the dev split to probe with, devtest to evaluate on.

    Parameters
    ----------
    spec : str
        As it was asked for.
    folder : Path
        A folder with ``dev/<code>.dev`` and ``devtest/<code>.devtest``, or the parent of one.

    Returns
    -------
    Corpus
        With the languages that both splits have.

    Raises
    ------
    CorpusError
        Where files are missing, damaged or of unequal length.
    """
    what = f"corpus {spec!r}"
    root = _flores_root(what, folder)
    dev, devtest = (_flores_files(what, root / split) for split in ("dev", "devtest"))
    both = [code for code in dev if code in devtest]
    if len(both) < MIN_LANGUAGES:
        why = f"its dev and devtest have {len(both)} languages in common ({listed(both) or 'none'})"
        raise CorpusError(what, why, f"Put the files of at least {MIN_LANGUAGES} languages into both folders")
    probe = _aligned(what, {code: dev[code] for code in both}, "dev", _MIN_SIDE)
    evaluation = _aligned(what, {code: devtest[code] for code in both}, "devtest", _MIN_SIDE)
    notes = [
        f"Probe: the {len(probe)} sentences of dev; evaluation: the {len(evaluation)} of devtest.",
        *_one_sided_notes(dev, devtest),
        *repeat_notes(probe, "dev"),
        *repeat_notes(evaluation, "devtest"),
        *_overlap_notes(probe, evaluation),
    ]
    return Corpus(
        spec=spec,
        kind="flores",
        title="FLORES-200",
        licence="CC-BY-SA 4.0",
        source=f"NLLB Team 2022, read from {root}",
        probe=probe,
        evaluation=(evaluation,),
        notes=tuple(notes),
    )


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
        code = _code_of_file(what, published, folder / f"tatoeba.{pair}.{published}")
        if code in pairs:
            notes.append(f"{pair} is left out: {published!r} means {code!r}, of which there is a pair already.")
            continue
        files = {"en": folder / f"tatoeba.{pair}.eng", code: folder / f"tatoeba.{pair}.{published}"}
        pairs[code] = _aligned(what, files, pair, MIN_ROWS)
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


def _flores_root(what: str, folder: Path) -> Path:
    """Find the folder that holds dev/ and devtest/: the one named or the only such folder within it."""
    places = (folder, *folder_contents(what, folder))
    found = [place for place in places if is_folder(place / "dev") and is_folder(place / "devtest")]
    if not found:
        why = f"{folder} has no folders dev/ and devtest/, nor has a folder in it"
        raise CorpusError(what, why, "Name the folder that holds dev/ and devtest/ (flores200_dataset in the archive)")
    if len(found) > 1 and found[0] != folder:
        why = f"several folders in {folder} hold dev/ and devtest/: {listed(place.name for place in found)}"
        raise CorpusError(what, why, "Name one of them")
    return found[0]


def _flores_files(what: str, folder: Path) -> dict[str, Path]:
    """Map canonical codes to the files of a split, in the order of file names."""
    files: dict[str, Path] = {}
    for path in folder_contents(what, folder):
        # A name with a dot in front is left behind by some operating systems, never a language.
        if path.suffix != f".{folder.name}" or path.name.startswith("."):
            continue
        code = _code_of_file(what, path.stem, path)
        if code in files:
            why = f"{files[code]} and {path} are the same language, {code!r}"
            raise CorpusError(what, why, "Take one of them out of the folder")
        files[code] = path
    return files


def _code_of_file(what: str, published: str, path: Path) -> str:
    try:
        return canonical(published)
    except CorpusError as error:
        why = f"the name of {path} has no known language code in it: {error.why} ({published!r})"
        raise CorpusError(what, why, "Rename the file after its language, or take it out of the folder") from None


def _aligned(what: str, files: Mapping[str, Path], name: str, at_least: int) -> ParallelSet:
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


# What follows is noted, not refused, in published sets: changing them would make results incomparable.


def _one_sided_notes(dev: Iterable[str], devtest: Iterable[str]) -> list[str]:
    only = {"dev": sorted(set(dev) - set(devtest)), "devtest": sorted(set(devtest) - set(dev))}
    return [f"Left out, because only in {split}: {', '.join(codes)}." for split, codes in only.items() if codes]


def repeat_notes(rows: ParallelSet, name: str) -> list[str]:
    """Note how many sentences of each language repeat an earlier one, if any do."""
    counts = {code: len(repeats(sentences)) for code, sentences in rows.texts.items()}
    found = [f"{code} {count}" for code, count in counts.items() if count]
    return [f"Sentences in {name} that repeat an earlier one, kept as published: {', '.join(found)}."] if found else []


def _overlap_notes(probe: ParallelSet, evaluation: ParallelSet) -> list[str]:
    counts = {code: len(set(probe.texts[code]) & set(evaluation.texts[code])) for code in probe.languages}
    found = [f"{code} {count}" for code, count in counts.items() if count]
    return [f"Sentences that are in both probe and evaluation, kept as published: {', '.join(found)}."] if found else []
