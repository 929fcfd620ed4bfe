"""What stands with a result about the machine that computed it."""

from __future__ import annotations

import pytest
import torch

from core import machine


def test_a_gpu_that_computes_for_this_process_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    before = machine.described()
    assert "gpu" not in before
    machine.note_gpu("NVIDIA of another process")
    assert machine.described() == {**before, "gpu": "NVIDIA of another process"}
    machine.note_gpu("")
    assert machine.described() == before
