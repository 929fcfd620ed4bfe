"""What the tests of corpora share: a few sentences in three languages, files of them, notes and refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.corpora.corpus import ParallelSet
from core.corpora.load import load_corpus
from core.errors import CorpusError

ENGLISH = ["One dog.", "Two cats.", "Three birds.", "Four fish.", "Five mice."]
SPANISH = ["Un perro.", "Dos gatos.", "Tres aves.", "Cuatro peces.", "Cinco ratones."]
CHINESE = ["一只狗。", "两只猫。", "三只鸟。", "四条鱼。", "五只老鼠。"]


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def lines(*sentences: str) -> str:
    return "".join(f"{sentence}\n" for sentence in sentences)


def refusal(spec: str) -> CorpusError:
    with pytest.raises(CorpusError) as caught:
        load_corpus(spec)
    assert repr(spec) in caught.value.what
    assert caught.value.why
    assert caught.value.instead.endswith(".")
    assert not caught.value.instead.endswith("..")
    assert ".. " not in caught.value.instead
    return caught.value


def oddities(rows: ParallelSet) -> tuple[str, ...]:
    """What is noted of sentences beside which part of a corpus they are."""
    return tuple(note for note in rows.notes if " rows are of " not in note)


def table(tmp_path: Path, text: str | bytes, name: str = "t.csv") -> str:
    return f"table:{write(tmp_path / name, text)}"
