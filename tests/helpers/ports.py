"""Ports for servers that are told theirs."""

from __future__ import annotations

import secrets
import socket

_FIRST, _LAST = 20_000, 32_000  # below those that systems give to whoever asks for any


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
