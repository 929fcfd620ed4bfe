"""What the tests of the dashboard share: links of two small settings, one real and one tiny."""

import pytest

from tests.conftest import SETTINGS
from tests.core.tiny import save_tiny, write_table


@pytest.fixture(scope="session")
def small_link() -> dict[str, str]:
    """The query of the experiment that the command line has run (the fixture ``embedded``)."""
    return {
        "model": "embedded",
        "corpus": "embedded",
        "target": str(SETTINGS["target"]),
        "k": str(SETTINGS["experts"]),
        "strength": "1",
        "layer": "last",
        "languages": str(SETTINGS["languages"]),
        "probe_languages": "de,en,es,ja,ru,zh",
        "n_probe": str(SETTINGS["probe"]),
        "n_eval": str(SETTINGS["eval"]),
    }


@pytest.fixture(scope="session")
def tiny_link(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The query of a random tiny model on a table of a few sentences: seconds from nothing."""
    folder = tmp_path_factory.mktemp("tiny-dashboard")
    return {
        "model": str(save_tiny(folder / "model", "gemma3")),
        "corpus": write_table(folder / "sentences.tsv"),
        "target": "ja",
        "k": "20",
        "strength": "1",
        "layer": "last",
        "dtype": "float32",
    }
