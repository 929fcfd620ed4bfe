"""What the tests of the core share: tiny models saved once a session, and a fresh store for each test."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from pathlib import Path

import pytest
import torch

from core.models import LoadedModel, ModelSpec, load, resolve
from core.store import Store
from tests.core.tiny import FAMILIES, Plain, save_tiny


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


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")
