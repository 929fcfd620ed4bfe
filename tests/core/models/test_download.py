"""What a model of the hub lacks here, by a hub in miniature: its size, its refusal, its download and the end of one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.errors import ModelError
from core.models.download import Download
from tests.helpers.hub_server import COMMIT, Repository, serving

ROOT = Path(__file__).parents[3]

# In a process of its own, since the hub's client reads its settings when it is imported.
SCRIPT = """
import json, sys, tempfile
from core import access
from core.errors import ModelError
from core.models import download, sentence_encoder
from core.models.load import check_download, load, outline
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from core.progress import Cancelled
from core.store.store import Store

import os
os.environ[access.ONLY_ASKED] = "asked"

def words(work):
    try:
        return work()
    except ModelError as error:
        return f"{error.what}: {error.why}. {error.instead}"

found = resolve(ModelSpec("tiny/llama", dtype="float32", device="cpu"))
needed = download.pending(found)
said = {"files": dict(needed.files), "revision": needed.revision}
said["unasked"] = words(lambda: load(found, Store(tempfile.mkdtemp())).name)

def stop(count):
    raise Cancelled

try:
    download.fetch(needed, stop)
except Cancelled:
    said["stopped"] = download.pending(found) is not None
come = []

def ask_meanwhile(count):
    come.append(count)
    download.pending(found)

download.fetch(needed, ask_meanwhile)
said["come"] = sum(come)
said["after"] = download.pending(found)
said["loaded"] = words(lambda: load(found, Store(tempfile.mkdtemp())).name)

lying = resolve(ModelSpec("tiny/lying", dtype="float32", device="cpu"))
said["lying"] = words(lambda: check_download(download.pending(lying), lying))
longer = resolve(ModelSpec("tiny/longer", dtype="float32", device="cpu"))
said["longer"] = words(lambda: download.fetch(download.pending(longer), lambda count: None))
said["config"] = words(lambda: resolve(ModelSpec("tiny/config", dtype="float32", device="cpu")))
for name in json.loads(sys.argv[1]):
    def seen():
        model = resolve(ModelSpec(f"tiny/{name}", dtype="float32", device="cpu"))
        outline(model)
        sentence_encoder.read(model)
    said[name] = words(seen)
print(json.dumps(said))
"""

_MODULES = {"Transformer": "", "Pooling": "1_Pooling"}
# What is read of a model before anybody has confirmed a download, by the name of the model whose own is 20 MB.
UNASKED = {
    "tokenizer": "tokenizer_config.json",
    "template": "chat_template.jinja",
    "modules": "modules.json",
    "pooling": "1_Pooling/config.json",
    "versions": "config.4.0.0.json",
    "adapter": "adapter_config.json",
}


@pytest.fixture(scope="module")
def said(tiny_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How it went with a model, with one whose weights are not its config's, and with one that is longer than said."""
    home = tmp_path_factory.mktemp("home")
    folder = tiny_folders["llama"]
    for name in ("lying", "longer", "config"):
        (home / name).mkdir()
        for path in folder.iterdir():
            (home / name / path.name).write_bytes(path.read_bytes())
    with (home / "lying" / "model.safetensors").open("ab") as file:
        file.truncate(200 << 20)
    with (home / "config" / "config.json").open("ab") as file:
        file.truncate(20 << 20)
    grown = {f"tiny/{name}": Repository(_grown(folder, home / name, file)) for name, file in UNASKED.items()}
    served = {name: Repository(home / name.partition("/")[2]) for name in ("tiny/lying", "tiny/longer", "tiny/config")}
    served["tiny/longer"] = Repository(home / "longer", understated={"model.safetensors": 1000})
    environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    with serving(served | grown | {"tiny/llama": Repository(folder)}) as endpoint:
        environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home / "hub"), "HF_HUB_OFFLINE": "0"}
        environment |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", SCRIPT, json.dumps(list(UNASKED))]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=home)
    assert done.returncode == 0, done.stderr[-3000:]
    came = {path.name for path in (home / "hub").rglob("*") if path.is_file() and path.stat().st_size == 20 << 20}
    return {**json.loads(done.stdout.splitlines()[-1]), "large files that came": came}


def _grown(model: Path, folder: Path, file: str) -> Path:
    """A copy of a model with one file of 20 MB."""
    shutil.copytree(model, folder)
    modules = [{"type": f"sentence_transformers.models.{kind}", "path": path} for kind, path in _MODULES.items()]
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    contents = {
        "1_Pooling/config.json": {"modules.json": modules},
        "config.4.0.0.json": {"config.json": config | {"configuration_files": [file]}},
    }
    for name, content in contents.get(file, {}).items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    if file == "adapter_config.json":
        (folder / "config.json").unlink()
    (folder / file).parent.mkdir(exist_ok=True)
    with (folder / file).open("ab") as grown:
        grown.truncate(20 << 20)
    return folder


def test_the_sizes_are_those_of_the_files(said: dict[str, Any], tiny_folders: dict[str, Path]) -> None:
    assert said["revision"] == COMMIT
    for name, size in said["files"].items():
        assert size == (tiny_folders["llama"] / name).stat().st_size
    assert {"model.safetensors", "tokenizer.json"} <= set(said["files"])
    assert "config.json" not in said["files"]  # it came when the model was resolved


def test_loading_downloads_nothing_where_somebody_must_confirm_it(said: dict[str, Any]) -> None:
    assert "of it are on the hub and not on this machine" in said["unasked"]
    assert "confirm the download" in said["unasked"]


def test_a_download_can_be_stopped_and_goes_on(said: dict[str, Any]) -> None:
    assert said["stopped"] is True
    assert said["come"] <= sum(said["files"].values())
    assert said["come"] > 0
    assert said["after"] is None
    assert said["loaded"] == "tiny/llama"


def test_weights_that_are_not_those_of_the_config_are_refused_before_they_come(said: dict[str, Any]) -> None:
    assert "its weights have 209,715,200 bytes, and its config describes" in said["lying"]


def test_a_file_that_is_longer_than_said_ends_the_download(said: dict[str, Any]) -> None:
    assert "model.safetensors" in said["longer"]
    assert "bytes" in said["longer"]


def test_a_config_that_is_none_is_refused_before_it_comes(said: dict[str, Any]) -> None:
    assert "its config.json has 20,971,520 bytes" in said["config"]


def test_what_the_disk_has_no_room_for_is_refused() -> None:
    with pytest.raises(ModelError, match="are free on the disk"):
        Download("tiny/huge", COMMIT, (("tokenizer.json", 10**15),)).check(10)


@pytest.mark.parametrize(("name", "file"), UNASKED.items())
def test_a_file_of_settings_that_is_none_is_refused_before_it_comes(said: dict[str, Any], name: str, file: str) -> None:
    assert f"its {file} has 20,971,520 bytes, which no file of settings has" in said[name]


def test_no_large_file_came_unasked(said: dict[str, Any]) -> None:
    assert said["large files that came"] == set()
