"""Packed weights that this machine cannot read are refused by the name of the package, before anything is loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.models.load import outline
from core.models.packed import check_packed
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from tests.helpers.refusals import refusal


@pytest.mark.parametrize(
    ("stated", "method", "packages"),
    [
        ({"quant_method": "gptq", "bits": 4}, "gptq", "gptqmodel optimum"),
        ({"quant_method": "awq", "bits": 4}, "awq", "gptqmodel"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes", "bitsandbytes"),
        ({"load_in_8bit": True}, "bitsandbytes", "bitsandbytes"),  # as older files say it
        ({"quant_method": "compressed-tensors"}, "compressed-tensors", "compressed-tensors"),
        ({"quant_method": "quanto", "weights": "int8"}, "quanto", "optimum-quanto"),
    ],
)
def test_the_package_to_install_is_named(
    stated: dict[str, Any], method: str, packages: str, tiny_folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_folders["llama"], tmp_path / "model"))
    (folder / "model.safetensors").write_bytes(b"never opened")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": stated}))
    error = refusal(lambda: outline(resolve(ModelSpec(str(folder), dtype="float32", device="cpu"))))
    assert error.what == f"load {folder}, whose weights are packed ({method})"
    assert packages.split()[0] in error.why
    assert error.why.endswith(f"which {'are' if ' ' in packages else 'is'} not installed")
    assert f"pip install {packages}" in error.instead


def test_a_method_that_nothing_reads_is_refused() -> None:
    config = SimpleNamespace(quantization_config={"quant_method": "origami"})
    assert "origami" in refusal(lambda: check_packed("some/model", config)).why


def test_weights_as_they_are_pass() -> None:
    check_packed("some/model", SimpleNamespace())
    check_packed("some/model", SimpleNamespace(quantization_config=None))
