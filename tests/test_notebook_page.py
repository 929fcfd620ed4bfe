"""The notebook page and the README's lines run as they are written, but for the model and the number of experts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import core
from core.pipeline.engine import Engine
from core.store.store import Store
from tests.helpers.tiny import save_tiny

ROOT = Path(__file__).resolve().parent.parent
PAGE, README = ROOT / "docs" / "notebook.md", ROOT / "README.md"


def blocks(page: Path = PAGE) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", [PAGE, README], ids=lambda page: page.name)
def test_the_first_block_has_under_25_lines(page: Path) -> None:
    assert len(blocks(page)[0].splitlines()) < 25


def test_the_lines_of_the_readme_run_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(tmp_path / "cache"))
    (code,) = blocks(README)
    assert code.count("experts=500") == 1
    names: dict[str, Any] = {}
    tiny = save_tiny(tmp_path / "tiny", "llama")
    exec(compile(code.replace("experts=500", f'experts=30, model=r"{tiny}"'), str(README), "exec"), names)
    result, session = names["result"], names["session"]
    assert "free, without intervention" in capsys.readouterr().out
    assert session.cache == tmp_path / "cache"
    assert result.plan.languages == ("en", "es")
    assert names["before"].shape == names["after"].shape == (4, result.plan.outline.hidden_size)
    assert not np.array_equal(names["before"], names["after"])
    assert Engine(Store(tmp_path / "cache")).run(result.plan.experiment).computed == ()


def test_the_page_runs_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    first, _, rest = blocks()[0].partition("\n")
    assert first.startswith('model, experts = "embedded", 500')
    tiny = save_tiny(tmp_path / "tiny", "llama")
    names: dict[str, Any] = {}
    for block in (f'model, experts = r"{tiny}", 30', rest, *blocks()[1:]):
        exec(compile(block, str(PAGE), "exec"), names)

    result, spaces, points = names["result"], names["spaces"], names["points"]
    assert "free, without intervention" in capsys.readouterr().out
    assert Engine(Store(tmp_path / "cache")).run(result.plan.experiment).computed == ()
    assert len(spaces) == len(points) == 12
    np.testing.assert_array_equal(names["before"], spaces.pre[:4])
    assert not np.array_equal(names["before"], names["after"])
    assert "vega" in (tmp_path / "map.html").read_text(encoding="utf-8")
    assert len(names["own"].plan.probe) == 2
    assert names["weaker"].plan.experiment.strength == 0.5
    assert names["middle"].layer == 1
    pd.testing.assert_frame_equal(names["first"].pairs, names["second"].pairs)
    assert core.Session().cache == tmp_path / "cache"
