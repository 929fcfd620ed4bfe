"""When the garbage of a server that holds a model is collected: seldom all of it, and what is new in between."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass

BETWEEN_LOOKS = 600.0
"""Seconds between two searches through all objects."""


@dataclass
class Look:
    """When all objects were last looked through."""

    at: float


last_look = Look(time.monotonic())


def settle() -> None:
    """Exclude all living objects from garbage collection.

    Streamlit collects garbage after every run of a page, and a page that waits runs every second. With torch, numba and
    a model loaded each collection would go through a million permanent objects and stop everything else meanwhile.
    What was alive and has died in a circle since then is found once in a while.
    """
    if time.monotonic() - last_look.at > BETWEEN_LOOKS:
        gc.unfreeze()
        last_look.at = time.monotonic()
    gc.collect()
    gc.freeze()
