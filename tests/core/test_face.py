"""What ``import core`` offers: each name loaded when it is used, and the same to a type checker."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import core

HEAVY = ("torch", "transformers", "pandas", "numpy", "scipy", "sklearn", "altair", "umap", "numba", "streamlit")


def in_a_new_process(code: str) -> object:
    """What a program prints as JSON, run by a Python that has imported nothing."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_importing_core_loads_nothing_heavy_and_changes_no_switch_interval() -> None:
    code = """
import json, os, sys
before = sys.getswitchinterval()
import core
dir(core), core.__all__, core.__version__, core.AskError
print(json.dumps({
    "modules": sorted(sys.modules), "same": sys.getswitchinterval() == before, "omp": os.environ["OMP_WAIT_POLICY"],
}))
"""
    seen = in_a_new_process(code)
    assert isinstance(seen, dict)
    assert not {name.partition(".")[0] for name in seen["modules"]} & set(HEAVY)
    assert seen["same"]
    assert seen["omp"] == "PASSIVE"


def test_every_public_name_is_there_and_listed() -> None:
    assert set(core.__all__) <= set(dir(core))
    for name in core.__all__:
        assert getattr(core, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        core.nonsense  # type: ignore[attr-defined]  # noqa: B018 - is refused


def test_a_type_checker_is_told_the_same() -> None:
    stub = ast.parse(Path(core.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    told = {alias.asname: node.module for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert set(told) == set(core.__all__)
    for name, module in told.items():
        assert getattr(importlib.import_module(str(module)), str(name)) is getattr(core, str(name))
