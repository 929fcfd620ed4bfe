"""What "auto" means on a cluster: the same for every worker, whatever processor or GPU this machine has."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, TypeVar

from core.errors import SettingError
from core.models.placement import check_dtype


class ComputeSettings(Protocol):
    """Settings that say where a model runs, and in what precision."""

    @property
    def device(self) -> str: ...  # noqa: D102
    @property
    def dtype(self) -> str: ...  # noqa: D102


T = TypeVar("T", bound=ComputeSettings)


def on_workers(asked: T, gpus_per_model: int) -> T:
    """Settings with device and precision named: each machine would else decide for itself, and compute other numbers.

    Parameters
    ----------
    asked : dataclass
        With fields ``device`` and ``dtype``.
    gpus_per_model : int
        Of each worker; 0 for the processor.

    Raises
    ------
    SettingError
        For a device of workers that have none.
    """
    if asked.device not in ("auto", "cpu") and not gpus_per_model:
        raise SettingError(
            f"--device {asked.device} on a cluster",
            "its workers are given no GPU, and would all take the first",
            "Add --gpus-per-model 1, or leave --device out.",
        )
    device = ("cuda" if gpus_per_model else "cpu") if asked.device == "auto" else asked.device
    return replace(asked, device=device, dtype=check_dtype(asked.dtype, device))  # type: ignore[type-var]
