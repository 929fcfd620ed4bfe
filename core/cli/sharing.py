"""The option ``--shared`` of every command and of the dashboard: what several machines share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from core import access


def add_option(section: Any) -> None:
    """Add ``--shared``; `put_in_force` does what it says."""
    section.add_argument(
        "--shared",
        metavar="ADDRESS",
        default=os.environ.get(access.SHARED) or None,
        help="a store that several machines share: s3://BUCKET/PREFIX, gcs://BUCKET/PREFIX or file:///DIR; what one "
        f"has computed, the others need not (default: none; also {access.SHARED})",
    )


def put_in_force(address: str | None, cache: Path) -> None:
    """Use a shared store behind a cache, in this process and in those that it starts; none where there is no address.

    Raises
    ------
    StoreError
        If it cannot be used.
    """
    if not address:
        os.environ.pop(access.SHARED, None)
        return
    from core.store.opening import check_shared  # with it come pandas and Arrow

    check_shared(address, cache)
    os.environ[access.SHARED] = address
