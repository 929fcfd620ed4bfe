"""What the tests of the reproduction share: the command on a tiny model, and one finished report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.reproduction.settings import Settings, bound
from tests.helpers import slow_reproduction as slow
from tests.helpers.reproduction import LANGUAGES, N_EVAL, N_PROBE, TARGETS, K, ReproductionCase
from tests.helpers.tiny import Plain, save_tiny, sentences, write_table


@pytest.fixture(scope="session")
def asked_for(tmp_path_factory: pytest.TempPathFactory) -> ReproductionCase:
    folder = tmp_path_factory.mktemp("reproduction")
    pairs = folder / "tatoeba"
    pairs.mkdir()
    for published, code in (("spa", "es"), ("jpn", "ja")):
        for name, language in ((published, code), ("eng", "en")):
            text = "".join(f"{sentence}\n" for sentence in sentences(language, 9, 40))
            (pairs / f"tatoeba.{published}-eng.{name}").write_text(text, encoding="utf-8")
    corpus = write_table(folder / "sentences.tsv", N_PROBE, N_EVAL, LANGUAGES)
    return ReproductionCase(save_tiny(folder / "model", "llama"), corpus, pairs)


@pytest.fixture(scope="session")
def report(asked_for: ReproductionCase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished report; to be read only."""
    folder = tmp_path_factory.mktemp("report")
    assert asked_for.run(folder / "report", folder / "cache") == 0
    return folder / "report"


@pytest.fixture(scope="session")
def slows(asked_for: ReproductionCase) -> dict[str, slow.SlowReproduction]:
    """By target, the obvious slow way to its experiment; the probe languages are the paper's that the table has."""
    plain = Plain.read(asked_for.model, "llama")
    return {
        target: slow.SlowReproduction(plain, LANGUAGES, ("en", "de", "es", "ja"), target, N_PROBE, N_EVAL, K)
        for target in TARGETS
    }


@pytest.fixture(scope="session")
def spaces(slows: dict[str, slow.SlowReproduction]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By target, the embeddings before and after."""
    return {target: made.spaces(made.evaluation()) for target, made in slows.items()}


@pytest.fixture
def asked_settings(asked_for: ReproductionCase) -> Settings:
    settings = Settings(
        model=str(asked_for.model), dtype="float32", device="cpu", corpus=asked_for.corpus, targets=("es",), experts=K
    )
    return bound(settings)[0]
