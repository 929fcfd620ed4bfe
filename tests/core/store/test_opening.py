"""Whole results through a shared store: what one machine computed, another opens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core import access, machine
from core.cli.main import main
from core.errors import ModelError
from core.experiment.settings import Experiment
from core.models.load import load
from core.models.loaded_model import LoadedModel
from core.models.spec import ResolvedModel
from core.pipeline import model_host
from core.pipeline.engine import Engine
from core.store.opening import open_store
from core.store.store import Store
from tests.helpers.hub_server import Repository, serving
from tests.helpers.store import REPOSITORY, fetched


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return f"file://{tmp_path / 'shared'}"


def test_a_laptop_opens_what_a_gpu_computed_without_a_pass(
    asked: Experiment, tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The processor stands in for the GPU where the result is computed; nothing does where it is opened."""
    experiment = replace(asked, device="cuda", dtype="auto")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    there = Engine(open_store(tmp_path / "there", shared=folder))

    def on_processor(resolved: ResolvedModel, store: Store) -> LoadedModel:
        return replace(load(replace(resolved, device="cpu", dtype="float32"), store), resolved=resolved)

    with monkeypatch.context() as patch:
        patch.setattr(model_host, "load", on_processor)
        patch.setattr(machine, "gpu", lambda: "NVIDIA H100 80GB HBM3")
        computed = there.run(experiment)
    assert (computed.plan.resolved.device, computed.plan.resolved.dtype) == ("cuda", "bfloat16")
    here = Engine(open_store(tmp_path / "here", shared=folder))
    opened = here.known(experiment)
    assert opened is not None
    assert opened.to_json()["retrieval"] == computed.to_json()["retrieval"]
    assert here.run(experiment).computed == ()
    assert "The model ran on NVIDIA H100 80GB HBM3." in opened.notes
    assert not here.models.state()["loaded"]
    # Of the embeddings, only the layer that is shown has come.
    layers = [name for name in fetched(here.store) if name.startswith("layer-")]
    assert len(layers) < len(list((there.store.root / "embeddings").glob("*/layer-*.npy")))
    with pytest.raises(ModelError, match="this machine has cpu"):
        here.run(replace(experiment, experts=7))


def test_a_machine_without_the_weights_opens_a_result_by_config_and_commit(
    tiny_folders: dict[str, Path], asked: Experiment, tmp_path: Path, folder: str
) -> None:
    def run(machine: str, *options: str) -> dict:
        out = tmp_path / f"{machine}.json"
        environment = os.environ | {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / machine), "HF_HUB_OFFLINE": "0"}
        command = ["run", "--model", "tiny/llama", "--corpus", asked.corpus, "--target", "ja", "--device", "cpu"]
        command += ["--experts", "30", "--json", str(out), "--cache", str(tmp_path / f"{machine}-cache"), *options]
        subprocess.run([sys.executable, "-m", "core", *command], env=environment, cwd=REPOSITORY, check=True)
        return json.loads(out.read_text(encoding="utf-8"))

    with serving({"tiny/llama": Repository(tiny_folders["llama"])}) as hub:
        computed, opened = run("one", "--shared", folder), run("two", "--shared", folder)
    assert opened["retrieval"] == computed["retrieval"]
    assert list((tmp_path / "one").rglob("*.safetensors"))
    assert list((tmp_path / "two").rglob("config.json"))
    assert not list((tmp_path / "two").rglob("*.safetensors"))


def test_what_was_computed_before_there_was_a_shared_store_is_sent(
    filled: Store, asked: Experiment, tmp_path: Path, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--cache", str(filled.root), "--shared", folder]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(access.SHARED, "")
        assert main(["data", "share", "--cache", str(filled.root)]) == 2
        assert "no shared store is named" in capsys.readouterr().err
        assert main(["data", "share", *place]) == 0
        assert main(["data", "kept", *place]) == 0
        said = capsys.readouterr().out
        assert f"are shared in {folder}." in said
        assert "to be sent" not in said
        here = Engine(open_store(tmp_path / "here"))
        assert here.known(asked) is not None
        assert main(["data", "kept", "--cache", str(here.store.root), "--shared", folder]) == 0
        assert "of them fetched" in capsys.readouterr().out
        assert main(["data", "kept", "--cache", str(here.store.root), "--shared", f"{folder}/no/such"]) == 2
        assert "there is no folder" in capsys.readouterr().err
