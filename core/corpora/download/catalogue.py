"""Which data sets there are, where they are published, and under what terms."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from core.corpora.download.remote import RemoteFile
from core.errors import DataError
from core.language.codes import canonical


@dataclass(frozen=True)
class Dataset:
    """A published data set.

    Attributes
    ----------
    name : str
        What the command line calls it.
    title, about, licence, page : str
        To show.
    files : mapping of str to tuple of RemoteFile, as pairs
        Canonical code -> what it takes to have that language; the code is empty where one archive holds all, and of
        what goes with every language.
    use : str
        What to do with it, where ``{folder}`` stands for its place.
    otherwise : str
        How to have it where the address does not answer.
    """

    name: str
    title: str
    about: str
    licence: str
    page: str
    files: tuple[tuple[str, tuple[RemoteFile, ...]], ...]
    use: str
    otherwise: str

    @property
    def languages(self) -> tuple[str, ...]:
        """Canonical codes of the languages that can be downloaded alone; empty if one archive holds all."""
        return tuple(code for code, _ in self.files if code)

    @property
    def remotes(self) -> tuple[RemoteFile, ...]:
        """All files."""
        return tuple(remote for _, remotes in self.files for remote in remotes)

    @property
    def size(self) -> int:
        """Bytes to download, of the files whose size is known."""
        return sum(remote.size or 0 for remote in self.remotes)

    def of(self, languages: tuple[str, ...]) -> Dataset:
        """Reduce the data set to some languages.

        Raises
        ------
        DataError
            If it cannot be downloaded by language, or not in one of these; or if these are none.
        """
        requested, what = tuple(canonical(code) for code in languages), f"{self.title} in {', '.join(languages)}"
        if not self.languages:
            raise DataError(what, "one archive holds all its languages", "Leave --only out.")
        if not requested:
            raise DataError(
                f"{self.title} in no language", "nothing would be downloaded", "Name one, or leave --only out for all."
            )
        requested = tuple(code for code in requested if code != "en" or code in self.languages)
        if not requested:
            raise DataError(what, "English comes with every language", f"Choose from: {', '.join(self.languages)}.")
        if missing := [code for code in requested if code not in self.languages]:
            raise DataError(
                what, f"there is none in {', '.join(missing)}", f"Choose from: {', '.join(self.languages)}."
            )
        return replace(self, files=tuple((code, remotes) for code, remotes in self.files if code in (*requested, "")))


@lru_cache(maxsize=1)
def _checksums() -> dict[str, tuple[int, str]]:
    """Read the known sizes and checksums: name of a published file -> (bytes, sha256)."""
    lines = Path(__file__).with_name("checksums.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return {name: (int(size), sha256) for sha256, size, name in rows}


def _remote(folder: str, name: str) -> RemoteFile:
    size, sha256 = _checksums().get(name, (None, None))
    return RemoteFile(f"{folder}/{name}", name, size, sha256)


# Fixed to the commits that the checksums are from, so that a later change there does not make a download fail.
_LASER = (
    "https://raw.githubusercontent.com/facebookresearch/LASER/74bc6ae7ffb7cba670fe0f428d0ede9f666fb821/data/tatoeba/v1"
)
_NTREX = "https://raw.githubusercontent.com/MicrosoftTranslator/NTREX/8561f6a622db9edad1217683e5c83daefd8bb2bf"
_SIB200 = "https://raw.githubusercontent.com/dadelani/sib-200/593cea88519930f776c1a4a1980b6a35b39dca57/data/annotated"
_BUCC = "https://comparable.limsi.fr/bucc2018"


Files = tuple[tuple[str, tuple[RemoteFile, ...]], ...]


def _published_codes(pattern: str) -> list[str]:
    """List the publisher's language codes, from the names of the files whose checksums are known."""
    names = (re.fullmatch(pattern, name) for name in _checksums())
    return sorted(match["code"] for match in names if match)


def _tatoeba() -> Files:
    codes = (code for code in _published_codes(r"tatoeba\.(?P<code>[a-z]+)-eng\.eng"))
    return tuple(
        (canonical(code), tuple(_remote(_LASER, f"tatoeba.{code}-eng.{side}") for side in (code, "eng")))
        for code in codes
    )


def _ntrex() -> Files:
    folder = f"{_NTREX}/NTREX-128"
    codes = _published_codes(r"newstest2019-ref\.(?P<code>[A-Za-z-]+)\.txt")
    languages = tuple((canonical(code), (_remote(folder, f"newstest2019-ref.{code}.txt"),)) for code in codes)
    shared = (_remote(_NTREX, "DOCUMENT_IDS.tsv"), _remote(folder, "newstest2019-src.eng.txt"))
    return (("", shared), *languages)


def _sib200() -> Files:
    return tuple(
        (canonical(code), tuple(_sib200_file(code, split) for split in ("train", "dev", "test")))
        for code in _published_codes(r"(?P<code>[a-z]{3}_[A-Z][a-z]{3})\.train\.tsv")
    )


def _sib200_file(code: str, split: str) -> RemoteFile:
    size, sha256 = _checksums()[f"{code}.{split}.tsv"]
    place = f"{code}/{split}.tsv"
    return RemoteFile(f"{_SIB200}/{place}", f"{code}.{split}.tsv", size, sha256, place)


@lru_cache(maxsize=1)
def catalogue() -> dict[str, Dataset]:
    """All data sets, by name."""
    return {dataset.name: dataset for dataset in (*_parallel_sets(), *_pair_sets())}


def _parallel_sets() -> tuple[Dataset, ...]:
    """Those with the same sentences in many languages."""
    return (
        Dataset(
            "flores200",
            "FLORES-200",
            "the same 2,009 sentences in 204 languages: the paper's probe (dev) and evaluation (devtest)",
            "CC-BY-SA 4.0",
            "https://github.com/facebookresearch/flores/blob/main/flores200/README.md",
            (("", (_remote("https://dl.fbaipublicfiles.com/nllb", "flores200_dataset.tar.gz"),)),),
            "--corpus flores:{folder}",
            "Its successor FLORES+ (huggingface.co/datasets/openlanguagedata/flores_plus) has terms to accept first; "
            "files named dev/dev.eng_Latn are read by flores:DIR too.",
        ),
        Dataset(
            "ntrex",
            "NTREX-128",
            "1,997 sentences of news in English and 127 other languages and varieties, by documents",
            "CC-BY-SA 4.0",
            "https://github.com/MicrosoftTranslator/NTREX",
            _ntrex(),
            "--corpus ntrex:{folder}",
            "Clone the repository and use its folder.",
        ),
        Dataset(
            "sib200",
            "SIB-200",
            "1,004 sentences of FLORES-200 in 205 languages, each with one of 7 topics",
            "Apache-2.0; sentences CC-BY-SA 4.0",
            "https://github.com/dadelani/sib-200",
            _sib200(),
            "--corpus sib200:{folder}",
            "Clone the repository and use its folder data/annotated.",
        ),
    )


def _pair_sets() -> tuple[Dataset, ...]:
    """Those of pairs of languages, and of pairs of similar sentences."""
    return (
        Dataset(
            "tatoeba",
            "Tatoeba retrieval test (Artetxe and Schwenk)",
            "up to 1,000 pairs with English in each of 112 languages",
            "CC-BY 2.0 FR (https://tatoeba.org/eng/terms_of_use)",
            "https://github.com/facebookresearch/LASER/tree/main/data/tatoeba/v1",
            _tatoeba(),
            "--corpus tatoeba:{folder} --probe-corpus embedded",
            "Clone the repository and use its folder data/tatoeba/v1.",
        ),
        Dataset(
            "bucc2018",
            "BUCC 2018",
            "pairs with English in German, French, Russian and Chinese, some thousands hidden in larger texts",
            "see its page; text from Wikipedia (CC-BY-SA) and News Commentary",
            f"{_BUCC}/bucc2018-task.html",
            tuple(
                (code, (_remote(_BUCC, f"bucc2018-{code}-en.training-gold.tar.bz2"),))
                for code in ("de", "fr", "ru", "zh")
            ),
            "--corpus bucc:{folder} --probe-corpus embedded",
            "LIMSI has become a part of LISN, and its old addresses may be gone: ask the organisers for "
            "bucc2018-<xx>-en.training-gold.tar.bz2, or use the folder that XTREME's scripts make.",
        ),
        Dataset(
            "pawsx",
            "PAWS-X",
            "2,000 test pairs of similar sentences in each of 7 languages, of which the paraphrases are used",
            "free for any purpose; acknowledge Google LLC as the source",
            "https://github.com/google-research-datasets/paws/tree/master/pawsx",
            (("", (_remote("https://storage.googleapis.com/paws/pawsx", "x-final.tar.gz"),)),),
            "the folder of paraphrases: {folder}",
            "huggingface.co/datasets/google-research-datasets/paws-x has the same rows as Parquet; write each test "
            "split to <language>/test_2k.tsv with the columns id, sentence1, sentence2, label.",
        ),
    )
