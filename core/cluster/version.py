"""Which program a worker is of: one of another version would compute other things under the same names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import ComputeError
from core.store.files import digest
from core.store.stage import STAGES
from core.version import __version__


def stages() -> str:
    """Digest of the versions of all stages."""
    return digest({name: stage.version for name, stage in STAGES.items()})


def check(about: Mapping[str, Any]) -> None:
    """Raise `ComputeError` if a worker is of another version than this program; `Worker.about` says which it is."""
    if (about["version"], about["stages"]) == (__version__, stages()):
        return
    other = f"version {about['version']}" + (", changed" if about["version"] == __version__ else "")
    raise ComputeError(
        f"compute on {about['host']}",
        f"the program there is of {other}, and this one of version {__version__}: their results do not mix",
        "Install the same version on all machines of the cluster.",
    )
