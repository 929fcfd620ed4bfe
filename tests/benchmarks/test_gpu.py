"""The checks of a GPU, with the processor in its place: what is said where there is none, and where they differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import gpu
from benchmarks.__main__ import main
from core.experiment.settings import Experiment
from tests.helpers.tiny import save_tiny, write_table


def test_where_there_is_no_gpu_there_is_nothing_to_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["gpu"]) == 0
    assert "nothing to check here" in capsys.readouterr().out


def test_every_check_holds_of_the_processor_itself_and_fails_of_another_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Experiment(
        model=str(save_tiny(tmp_path / "model", "llama")),
        corpus=write_table(tmp_path / "sentences.tsv", 10, 7),
        target="ja",
        experts=30,
        probe_languages=("en", "de", "ja"),
        dtype="float32",
    )
    bench = gpu.Bench("cpu", tmp_path / "bench", asked)
    (tmp_path / "bench").mkdir()
    assert gpu.check(bench) == 0
    said = capsys.readouterr().out
    assert said.count(" holds ") == len(gpu.CHECKS)
    assert "computed there: nothing" in said

    def other(self: gpu.Bench, device: str, dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
        before, after = spaces(self, device, dtype)
        return before, after * (1.1 if device == "sharded" else 1)

    spaces = gpu.Bench.spaces
    monkeypatch.setattr(gpu.Bench, "spaces", other)
    assert gpu.check(replace(bench), gpu.CHECKS[-1:]) == 1
    assert "FAILS" in capsys.readouterr().out
    monkeypatch.setattr(gpu.Bench, "spaces", spaces)
    assert gpu.check(bench, (gpu.SPREAD,)) == 0
    assert "spread         holds" in capsys.readouterr().out
