"""Crafted files are refused in words, whoever reads them; a pack of them leaves nothing outside of the cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import crafted_files
from benchmarks.tried import tiny
from core.corpora.load import load_corpus
from core.errors import AskError, PackError
from core.models.load import load
from core.models.resolve import resolve
from core.packs.pack_folder import OPENING, PackFolder
from core.store.store import Store


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What unpacks to much does so to some megabytes; the campaign has the whole."""
    monkeypatch.setattr(crafted_files, "_BOMB", 1 << 22)


def test_crafted_files_are_refused_or_read(tmp_path: Path) -> None:
    asked, refused = tiny(tmp_path), set()
    store = Store(tmp_path / "cache")
    for name, experiment in crafted_files.crafted(tmp_path, asked, 3):
        try:
            if experiment.corpus == asked.corpus:
                load(resolve(experiment.model_spec), store)
            else:
                load_corpus(experiment.corpus)
        except AskError:
            refused.add(name)
    # What cannot be right whichever way it is read.
    for sure in ("no footer.parquet", "zeros.tsv.gz", "cut.tsv.gz", "weights: cut", "a tokenizer: empty"):
        assert sure in refused


def test_packs_that_reach_out_are_refused_and_write_nothing(tmp_path: Path) -> None:
    packs, outside = PackFolder(tmp_path / "a" / "b" / "cache", None), tmp_path / "outside"
    for name, content in crafted_files.archives(OPENING.read_bytes(), outside):
        with pytest.raises(PackError) as refused:
            packs.put(content, name)
        assert name in refused.value.what
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
