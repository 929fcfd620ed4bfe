"""Ports for servers that are told theirs."""

from __future__ import annotations

import secrets
import socket

# Below those that systems give to whoever asks for any, and above those that Ray takes for its clients' servers.
_FIRST, _LAST = 24_001, 32_000


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free, and stays so until its server listens: nothing is given it by the system, or by chance."""
    while True:
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        with socket.socket() as tried:
            try:
                tried.bind((host, port))
            except OSError:
                continue
            return port
