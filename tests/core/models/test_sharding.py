"""What cannot be sharded is refused in words; that two processes give the same is in test_ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import distributed, nn

from core.errors import ModelError
from core.models import sharding
from core.models.architectures import BuiltModel
from core.models.load import skeleton_of
from core.models.loaded_model import LoadedModel
from core.models.resolve import resolve
from core.models.spec import ModelSpec, ResolvedModel


@pytest.fixture
def resolved(tiny_folders: dict[str, Path]) -> ResolvedModel:
    """The tiny Llama."""
    return resolve(ModelSpec(str(tiny_folders["llama"]), dtype="float32", device="cpu"))


@pytest.fixture
def group(tmp_path: Path) -> Iterator[None]:
    """A group of this process alone."""
    sharding.join("cpu", 0, 1, tmp_path / "meeting")
    yield
    distributed.destroy_process_group()


def test_a_process_in_no_group_cannot_keep_a_part(tiny_models: dict[str, LoadedModel]) -> None:
    with pytest.raises(ModelError, match=r"in no group of processes.*--gpus-per-model"):
        sharding.shard(tiny_models["llama"], "cpu")


@pytest.mark.usefixtures("group")
def test_blocks_in_two_precisions_are_refused(fresh: Callable[..., LoadedModel]) -> None:
    def widen(base: nn.Module) -> None:
        base.layers[1].mlp.to(torch.float64)  # type: ignore[index,union-attr]

    with pytest.raises(ModelError, match=r"block 1 has weights in float32, float64"):
        sharding.shard(fresh("llama", spoil=widen), "cpu")


def test_what_no_group_holds_is_refused_before_one_is_started(
    resolved: ResolvedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = skeleton_of(resolved)
    sharding.check(resolved, made, 2)
    for device, dtype, why in (
        ("sharded", "float32", "no GPU for each"),
        ("cuda:1", "float32", "no GPU for each"),
        ("cpu", "int8", "cannot be gathered"),
    ):
        with pytest.raises(ModelError, match=f"over 2 processes: .*{why}"):
            sharding.check(replace(resolved, device=device, dtype=dtype), made, 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    with pytest.raises(ModelError, match="this machine has 3 CUDA devices"):
        sharding.check(replace(resolved, device="cuda"), made, 4)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2**30 // 3, 2**40))
    with pytest.raises(ModelError, match=r"needs about 1\.0 GiB, and 0\.3 GiB are free on its GPU"):
        sharding.check_room(resolved, made, 3)


def test_a_model_without_a_stack_of_blocks_is_refused(resolved: ResolvedModel) -> None:
    made = skeleton_of(resolved)
    other = BuiltModel(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2), generates=False)
    other.base.config = made.base.config
    with pytest.raises(ModelError, match="find the blocks"):
        sharding.check(resolved, other, 2)
