"""A file that is published somewhere, as the catalogue lists it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RemoteFile:
    """A file that is published somewhere.

    Attributes
    ----------
    url : str
    name : str
        What to call it here, while it is downloaded and in the record.
    size : int or None
        Bytes, where known.
    sha256 : str or None
        Of its bytes, in hex, where known.
    place : str, optional
        Where it lies in the data set's folder; its name unless given.
    """

    url: str
    name: str
    size: int | None = None
    sha256: str | None = None
    place: str | None = None
