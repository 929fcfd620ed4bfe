"""FLORES-200 in its published layout."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from core.corpora.corpus import Corpus, ParallelSet
from core.corpora.published import aligned, code_of_file, repeat_notes
from core.corpora.validation import MIN_LANGUAGES, MIN_ROWS, folder_contents, is_folder, listed
from core.errors import CorpusError

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
    probe = aligned(what, {code: dev[code] for code in both}, "dev", _MIN_SIDE)
    evaluation = aligned(what, {code: devtest[code] for code in both}, "devtest", _MIN_SIDE)
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
        code = code_of_file(what, path.stem, path)
        if code in files:
            why = f"{files[code]} and {path} are the same language, {code!r}"
            raise CorpusError(what, why, "Take one of them out of the folder")
        files[code] = path
    return files


def _one_sided_notes(dev: Iterable[str], devtest: Iterable[str]) -> list[str]:
    only = {"dev": sorted(set(dev) - set(devtest)), "devtest": sorted(set(devtest) - set(dev))}
    return [f"Left out, because only in {split}: {', '.join(codes)}." for split, codes in only.items() if codes]


def _overlap_notes(probe: ParallelSet, evaluation: ParallelSet) -> list[str]:
    counts = {code: len(set(probe.texts[code]) & set(evaluation.texts[code])) for code in probe.languages}
    found = [f"{code} {count}" for code, count in counts.items() if count]
    return [f"Sentences that are in both probe and evaluation, kept as published: {', '.join(found)}."] if found else []
