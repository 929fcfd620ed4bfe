"""What the tests of the core share: tiny models saved once a session, and a fresh store for each test."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from core.experiment.settings import Experiment
from core.models.load import load, outline
from core.models.loaded_model import LoadedModel
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from core.neurons.sites import KINDS
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.store.store import Store
from tests.helpers import families
from tests.helpers.tiny import FAMILIES, Plain, save_tiny, write_table


@pytest.fixture(scope="session")
def tiny_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of tiny models, by family."""
    torch.set_num_threads(2)
    root = tmp_path_factory.mktemp("tiny")
    return {family: save_tiny(root / family, family) for family in FAMILIES}


@pytest.fixture(scope="session")
def tiny_models(tiny_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, LoadedModel]:
    """The same models, loaded by the core in float32 on the CPU; tests must leave them as they are."""
    store = Store(tmp_path_factory.mktemp("tiny-store"))
    return {
        family: load(resolve(ModelSpec(str(folder), dtype="float32", device="cpu")), store)
        for family, folder in tiny_folders.items()
    }


@pytest.fixture(scope="session")
def plain_models(tiny_folders: dict[str, Path]) -> dict[str, Plain]:
    """The same models, loaded by transformers alone: what the core is compared with."""
    return {family: Plain.read(folder, family) for family, folder in tiny_folders.items()}


@pytest.fixture(scope="module", params=families.FAMILIES)
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> families.Tiny:
    """The tiny model of one architecture after another."""
    family = families.FAMILIES[request.param]
    folder = families.save_family(tmp_path_factory.mktemp("families") / "model", family)
    resolved = resolve(ModelSpec(str(folder), dtype="float32", device="cpu"))
    model = load(resolved, Store(folder.parent / "store"))
    plain = families.Reference.read(folder, family)
    return families.Tiny(family, folder, model, outline(resolved, KINDS).neurons, plain)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


@pytest.fixture
def fresh(tmp_path: Path, store: Store) -> Callable[..., LoadedModel]:
    """Make a tiny model that a test may spoil."""

    def make(family: str, dtype: str = "float32", spoil: Callable[[nn.Module], None] | None = None) -> LoadedModel:
        folder = save_tiny(tmp_path / f"{family}-{dtype}", family)
        model = load(resolve(ModelSpec(str(folder), dtype=dtype, device="cpu")), store)
        if spoil:
            spoil(model.base)
        return model

    return make


@pytest.fixture(scope="session")
def asked(tiny_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """An experiment with nothing wrong in it: the tiny Llama on a table of a few sentences."""
    corpus = write_table(tmp_path_factory.mktemp("corpus") / "sentences.tsv", 10, 7)
    return Experiment(
        model=str(tiny_folders["llama"]),
        dtype="float32",
        device="cpu",
        corpus=corpus,
        target="ja",
        experts=30,
        strength=0.8,
        probe_languages=("en", "de", "es", "ja"),
        seed=5,
    )


@pytest.fixture
def engine(store: Store) -> Engine:
    """An engine over the empty store."""
    return Engine(store)


@pytest.fixture(scope="session")
def finished(asked: Experiment, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """What that experiment gives, and the store's folder after it; to be copied, never used."""
    root = tmp_path_factory.mktemp("finished")
    return Engine(Store(root)).run(asked), root


@pytest.fixture
def filled(finished: tuple[Result, Path], tmp_path: Path) -> Store:
    """A store in which that experiment has been run."""
    return Store(shutil.copytree(finished[1], tmp_path / "filled"))
