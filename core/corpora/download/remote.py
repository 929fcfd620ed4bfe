"""A file that is published somewhere, as the catalogue lists it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Remote:
    """A file that is published somewhere.

    Attributes
    ----------
    url : str
    name : str
        What to call it here.
    size : int or None
        Bytes, where known.
    sha256 : str or None
        Of its bytes, in hex, where known.
    """

    url: str
    name: str
    size: int | None = None
    sha256: str | None = None
