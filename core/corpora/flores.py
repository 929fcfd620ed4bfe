"""FLORES-200, FLORES+ and FLORES-101 in their published layouts: one file for each language and split."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.corpora.corpus import Corpus, ParallelSet, taken_from
from core.corpora.published import aligned, language_files
from core.corpora.validation import MIN_LANGUAGES, MIN_ROWS, folder_contents, is_folder, listed
from core.errors import CorpusError

_MIN_SIDE = MIN_ROWS // 2
# FLORES-101 names the scripts of Chinese in words, and no others.
_FLORES_101 = {"zho_simpl": "zho_Hans", "zho_trad": "zho_Hant"}
_NAME_OF_101 = re.compile(rf"[a-z]{{3}}|{'|'.join(_FLORES_101)}")


def load_flores(spec: str, folder: Path) -> Corpus:
    """Read FLORES: the dev split to probe with, devtest to evaluate on.

    Languages are read when they are asked for. Files may be named as in FLORES-200 (``dev/eng_Latn.dev``), in FLORES+
    (``dev/dev.eng_Latn``, varieties such as ``cat_Latn_vale1252``) or in FLORES-101 (``dev/eng.dev``, ``zho_simpl``).

    Parameters
    ----------
    spec : str
        As it was asked for.
    folder : Path
        A folder with ``dev/`` and ``devtest/``, or the parent of one.

    Returns
    -------
    Corpus
        With the languages that both splits have.

    Raises
    ------
    CorpusError
        Where the folders are missing, or have too few languages or rows in common.
    """
    what = f"corpus {spec!r}"
    root = _root(what, folder)
    (dev, dev_notes), (devtest, devtest_notes) = (
        language_files(_named(what, root / split)) for split in ("dev", "devtest")
    )
    shared = [code for code in dev if code in devtest]
    if len(shared) < MIN_LANGUAGES:
        why = f"its dev and devtest have {len(shared)} languages in common ({listed(shared) or 'none'})"
        raise CorpusError(what, why, f"Put the files of at least {MIN_LANGUAGES} languages into both folders.")
    title, authors = _release(dev[code] for code in shared)
    probe = _side(what, {code: dev[code] for code in shared}, "dev", "probe")
    evaluation = _side(what, {code: devtest[code] for code in shared}, "devtest", "evaluation")
    return Corpus(
        spec=spec,
        kind="flores",
        title=title,
        licence="CC-BY-SA 4.0",
        source=f"{authors}, read from {root}",
        probe=probe,
        evaluation=(evaluation,),
        notes=(*dev_notes, *devtest_notes, *_one_sided_notes(dev, devtest)),
    )


def _root(what: str, folder: Path) -> Path:
    """Find the folder that holds dev/ and devtest/: the one named or the only such folder within it."""
    places = (folder, *folder_contents(what, folder))
    roots = [place for place in places if is_folder(place / "dev") and is_folder(place / "devtest")]
    if not roots:
        why = f"{folder} has no folders dev/ and devtest/, nor has a folder in it"
        raise CorpusError(what, why, "Name the folder that holds dev/ and devtest/ (flores200_dataset in the archive).")
    if len(roots) > 1 and roots[0] != folder:
        why = f"several folders in {folder} hold dev/ and devtest/: {listed(place.name for place in roots)}"
        raise CorpusError(what, why, "Name one of them.")
    return roots[0]


def _named(what: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield each file of a split with the language in its name, in the order of names."""
    for path in folder_contents(what, folder):
        # A name with a dot in front is left behind by some operating systems, never a language.
        if path.name.startswith("."):
            continue
        if path.suffix == f".{folder.name}":
            language = path.stem
        elif path.stem == folder.name and path.suffix:
            language = path.suffix[1:]
        else:
            continue
        yield _FLORES_101.get(language, language), path


def _release(files: Iterable[Path]) -> tuple[str, str]:
    """Say which release the files of dev are named as, and whose it is."""
    names = [path.name.split(".", 1) for path in files]
    if all(first == "dev" for first, _ in names):
        return "FLORES+", "Open Language Data Initiative"
    if all(_NAME_OF_101.fullmatch(first) for first, _ in names):
        return "FLORES-101", "Goyal et al. 2022"
    return "FLORES-200", "NLLB Team 2022"


def _side(what: str, files: dict[str, Path], split: str, role: str) -> ParallelSet:
    texts, reference = aligned(what, split, files, _MIN_SIDE)
    rows = len(reference.sentences)
    ids = tuple(f"{split}:{line}" for line in range(1, rows + 1))
    return ParallelSet(ids, texts, (taken_from(role, split, rows),))


def _one_sided_notes(dev: Iterable[str], devtest: Iterable[str]) -> list[str]:
    codes_by_split = {"dev": sorted(set(dev) - set(devtest)), "devtest": sorted(set(devtest) - set(dev))}
    return [
        f"Left out, because only in {split}: {', '.join(codes)}." for split, codes in codes_by_split.items() if codes
    ]
