"""What the tests of the reproduction share: the command on a tiny model, and one finished report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from core.cli.main import main
from tests.core.tiny import save_tiny, sentences, write_table

LANGUAGES = ("en", "de", "es", "ru", "ja")
TARGETS = ("es", "ja")
N_PROBE, N_EVAL, K = 10, 12, 30


@dataclass(frozen=True)
class Asked:
    """A tiny model, its sentences, and the command that reproduces the paper on them."""

    model: Path
    corpus: str
    tatoeba: Path

    def run(self, out: Path, cache: Path, *more: str) -> int:
        """Run the command; gives its exit status."""
        return main(
            [
                "reproduce",
                *("--model", str(self.model), "--dtype", "float32", "--device", "cpu", "--corpus", self.corpus),
                *("--targets", ",".join(TARGETS), "--experts", str(K), "--sweep", "5", "--texts", "3", "--seeds", "2"),
                *("--text-tokens", "5", "--perplexity-sentences", "4", "--tatoeba", str(self.tatoeba)),
                *("--seed", "3", "--out", str(out), "--cache", str(cache)),
                *more,
            ]
        )


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
