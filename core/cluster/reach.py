"""Whether a cluster answers at an address and lets this program in, said in words.

Ray itself tries for half a minute, prints every attempt, and then says only that it could not connect.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from core.errors import ComputeError

ADDRESS = "RAY_ADDRESS"
"""Ray's own variable: the cluster to join."""

FOUND = "auto"
"""An address to Ray: that of the cluster which it finds on this machine."""

CLIENT = "ray://"
"""How the address of Ray's client server begins."""

MODE = "RAY_AUTH_MODE"
TOKENS = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
"""Ray's own variables: whether tokens are sent and asked for, and the token or the file that holds it."""

_WITHIN = 5.0  # seconds
_REFUSED, _ANOTHER = "UNAUTHENTICATED", "UNIMPLEMENTED"  # gRPC's names
_CALLS = {True: "/ray.rpc.RayletDriver/ClusterInfo", False: "/ray.rpc.NodeInfoGcsService/CheckAlive"}


def named_by_port(address: str) -> bool:
    """Whether an address is one that this program can try: ``HOST:PORT`` or ``ray://HOST:PORT``."""
    host, colon, port = address.removeprefix(CLIENT).rpartition(":")
    return bool(host and colon and port.isdecimal())


def check(address: str) -> None:
    """Find out that nobody is at an address, or does not let this program in.

    A token that `TOKENS` name is sent to a cluster that asks for one, also where `MODE` does not say so: Ray would not.

    Raises
    ------
    ComputeError
    """
    if address == FOUND:
        return
    _check_answers(address)
    if not address.startswith(CLIENT):
        explain(address)
    elif MODE not in os.environ and any(map(os.environ.get, TOKENS)):
        _send_token()


def _check_answers(address: str) -> None:
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_WITHIN):
            return
    except (OSError, OverflowError) as error:
        raise ComputeError(
            f"join the cluster at {address}",
            f"nothing answers there ({getattr(error, 'strerror', None) or error})",
            f"Start it (ray start --head), correct the address (--engine or {ADDRESS}), or use --engine local.",
        ) from error


def explain(address: str) -> None:
    """Ask a cluster why it would not let this program in, if there is a reason.

    Of ray:// only where Ray's client was not let in: a client server that had just been asked failed to start the
    process that serves the client in one of six trials (Ray 2.60), and in none of 45 else.

    Raises
    ------
    ComputeError
        If it refuses the token, or another of Ray's services is at the port.
    """
    try:
        from ray._private import grpc_utils
        from ray._private.authentication.authentication_utils import is_token_auth_enabled
        from ray.exceptions import AuthenticationError
    except ImportError:  # Ray without its client, or another version: it says itself what it finds
        return
    client, host = address.startswith(CLIENT), address.removeprefix(CLIENT)
    try:
        said = _call(grpc_utils, host, client)
        if said == _REFUSED and MODE not in os.environ and any(map(os.environ.get, TOKENS)):
            _send_token()
            said = _call(grpc_utils, host, client)
    except AuthenticationError as error:  # no token where one is to be sent
        raise _refusal(address, error.message.rstrip(".")) from error
    if said == _REFUSED:
        why = "it asks for a token, and none was sent"
        if is_token_auth_enabled():
            why = "it does not accept the token that was sent"
        raise _refusal(address, why)
    if said == _ANOTHER and _call(grpc_utils, host, not client) != _ANOTHER:
        raise ComputeError(
            f"join the cluster at {address}",
            "another of Ray's services answers at that port",
            f"Give HOST:PORT with the --port of ray start (6379), or {CLIENT}HOST:PORT with its "
            "--ray-client-server-port (10001).",
        )


@contextmanager
def own_mode() -> Iterator[None]:
    """Leave `MODE` as it was found: a cluster that is joined later is not sent the token because this one asked."""
    before = os.environ.get(MODE)
    try:
        yield
    finally:
        if os.environ.get(MODE) != before:
            if before is None:
                del os.environ[MODE]
            else:
                os.environ[MODE] = before
            _read_variables()


def _send_token() -> None:
    os.environ[MODE] = "token"
    _read_variables()


def _read_variables() -> None:
    """Have Ray read its variables again."""
    with suppress(ImportError, AttributeError):
        import_module("ray._raylet").Config.initialize("")  # it has read the environment already


def _call(grpc_utils: Any, host: str, client: bool) -> str:
    """Ask one of Ray's services how it is; returns the name of the status."""
    with grpc_utils.init_grpc_channel(host) as channel:
        try:
            channel.unary_unary(_CALLS[client])(b"", timeout=_WITHIN)
        except grpc_utils.grpc.RpcError as error:
            return str(error.code().name)
    return "OK"


def _refusal(address: str, why: str) -> ComputeError:
    return ComputeError(
        f"join the cluster at {address}",
        why,
        f"Give its token in {TOKENS[0]}, or the path of a file that holds it in {TOKENS[1]}, with {MODE} left unset or "
        f"token; {MODE}=token alone sends the one in ~/.ray/auth_token.",
    )
