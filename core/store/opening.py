"""Opens a cache with what several machines share behind it, where the environment names such a store."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from core import access
from core.store.place import Place
from core.store.shared_store import SharedStore
from core.store.store import Store


def open_store(root: Path | str, *, below: Path | None = None, shared: str | None = None) -> Store:
    """Open a cache folder to read and write.

    Parameters
    ----------
    root : Path or str
        The folder.
    below : Path, optional
        Another's, which is only read; a shared store then is only read too.
    shared : str, optional
        Address of what several machines share; ``$LANGUAGE_NEURONS_SHARED`` unless given. It need not answer: then
        what is computed is kept here and sent later.

    Raises
    ------
    StoreError
        If the folder cannot be written to, or the address is none.
    """
    address = os.environ.get(access.SHARED, "") if shared is None else shared
    if not address:
        return Store(root, below=below)
    place = Place(address)
    store = Store(root, below=below, shared=partial(SharedStore, place, read_only=below is not None))
    if below is None:
        store.send_waiting_beside()
    return store


def check_shared(address: str, root: Path) -> None:
    """Find out before hours of work whether a shared store can be used.

    Raises
    ------
    StoreError
        If it cannot.
    """
    SharedStore(Place(address), root, read_only=access.reads_only()).check()
