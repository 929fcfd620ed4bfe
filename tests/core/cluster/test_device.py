"""What "auto" means on a cluster."""

from __future__ import annotations

import pytest

from core.cluster.device import on_workers
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.models.placement import native_bfloat16


def test_auto_is_named_so_that_every_worker_computes_the_same() -> None:
    here = on_workers(Experiment(), 0)
    assert (here.device, here.dtype) == ("cpu", "bfloat16" if native_bfloat16() else "float32")
    assert on_workers(Experiment(), 1).device == "cuda"
    assert on_workers(Experiment(device="cuda", dtype="float32"), 2) == Experiment(device="cuda", dtype="float32")


def test_a_gpu_of_workers_without_one_is_refused() -> None:
    with pytest.raises(SettingError, match="given no GPU"):
        on_workers(Experiment(device="cuda"), 0)
