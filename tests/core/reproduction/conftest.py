"""What the tests of the reproduction share: the command on a tiny model, and one finished report."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.reproduction import LANGUAGES, N_EVAL, N_PROBE, Asked
from tests.helpers.tiny import save_tiny, sentences, write_table


@pytest.fixture(scope="session")
def asked_for(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    folder = tmp_path_factory.mktemp("reproduction")
    pairs = folder / "tatoeba"
    pairs.mkdir()
    for published, code in (("spa", "es"), ("jpn", "ja")):
        for name, language in ((published, code), ("eng", "en")):
            text = "".join(f"{sentence}\n" for sentence in sentences(language, 9, 40))
            (pairs / f"tatoeba.{published}-eng.{name}").write_text(text, encoding="utf-8")
    corpus = write_table(folder / "sentences.tsv", N_PROBE, N_EVAL, LANGUAGES)
    return Asked(save_tiny(folder / "model", "llama"), corpus, pairs)


@pytest.fixture(scope="session")
def report(asked_for: Asked, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished report; to be read only."""
    folder = tmp_path_factory.mktemp("report")
    assert asked_for.run(folder / "report", folder / "cache") == 0
    return folder / "report"
