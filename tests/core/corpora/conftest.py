"""Small corpora in published layouts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.corpora import CHINESE, ENGLISH, SPANISH, lines, write


@pytest.fixture
def flores(tmp_path: Path) -> Path:
    for split, rows in {"dev": slice(0, 2), "devtest": slice(2, 5)}.items():
        for code, sentences in {"eng_Latn": ENGLISH, "spa_Latn": SPANISH, "zho_Hans": CHINESE}.items():
            write(tmp_path / "flores" / split / f"{code}.{split}", lines(*sentences[rows]))
    return tmp_path / "flores"


@pytest.fixture
def tatoeba(tmp_path: Path) -> Path:
    folder = tmp_path / "tatoeba"
    write(folder / "tatoeba.cmn-eng.cmn", lines(*CHINESE))
    write(folder / "tatoeba.cmn-eng.eng", lines(*ENGLISH))
    write(folder / "tatoeba.spa-eng.spa", lines(*reversed(SPANISH)))
    write(folder / "tatoeba.spa-eng.eng", lines(*reversed(ENGLISH)))
    return folder
