"""What a reproduction is asked to do: defaults decided, and refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import CorpusError, SettingError
from core.reproduction.options import SWEEP
from core.reproduction.settings import Settings, bound
from tests.helpers.reproduction import ReproductionCase


def test_the_sweep_is_cut_at_the_models_neurons(tiny_folders: dict[str, Path], asked_for: ReproductionCase) -> None:
    settings = Settings(
        model=str(tiny_folders["llama"]),
        dtype="float32",
        device="cpu",
        corpus=asked_for.corpus,
        targets=("es",),
        experts=30,
    )
    total = 3 * (48 + 48 + 32)
    assert bound(settings)[0].sweep == (30, *(k for k in SWEEP if k <= total))


def test_an_unknown_language_is_named(tiny_folders: dict[str, Path], asked_for: ReproductionCase) -> None:
    settings = Settings(model=str(tiny_folders["llama"]), corpus=asked_for.corpus, languages=("es", "sw"))
    with pytest.raises(SettingError, match="sw"):
        bound(settings)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("de.txt", b"x", "it has de.txt"),
        ("es.txt", b"one\ntwo\n", "0 of its lines have at least 100"),
        ("es.txt", b"\xff" * 200, "not UTF-8 at byte 0"),
    ],
)
def test_says_what_is_wrong_with_a_file_of_text(
    asked_settings: Settings, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=words):
        bound(replace(asked_settings, perplexity_texts=tmp_path))
