"""Puts a login in force: checks what it needs before the server starts, and gives the options that Streamlit takes.

Secrets (the client's, and the key that signs cookies) stand in a file, never on the command line.
"""

from __future__ import annotations

import ipaddress
import json
import os
import tomllib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from core.errors import SettingError

LOGIN, ADMINS, PROXIES = (f"LANGUAGE_NEURONS_{what}" for what in ("LOGIN", "ADMINS", "PROXIES"))
"""Variables: ``oidc`` or ``header`` where a login is needed; who runs the server; whose headers are believed."""

HEADER = "LANGUAGE_NEURONS_LOGIN_HEADER"
"""Variable: the header that a proxy sets after its login."""

FIELD = "email"
"""What the identity is called in ``st.user``."""

LOOPBACK = ("127.0.0.1", "::1")
_NEEDED = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
_SHORTEST = 32  # characters of the key that signs cookies


def apply(secrets: str | None, header: str | None, proxies: Sequence[str], admins: Sequence[str]) -> list[str]:
    """Put a login in force; returns options for ``streamlit run``.

    Parameters
    ----------
    secrets : str, optional
        A file with a section ``auth`` as ``st.login`` takes it.
    header : str, optional
        What a proxy says the visitor's e-mail address with, after a login of its own.
    proxies : sequence of str
        Addresses of proxies that are believed, beside this machine's own.
    admins : sequence of str
        E-mail addresses of who runs the server.

    Raises
    ------
    SettingError
        If something that a login needs is missing.
    """
    if secrets is None and header is None:
        if admins or proxies:
            why = "nobody says who a visitor is"
            raise SettingError("--admin or --trust-proxy", why, "Add --login FILE or --trust-header NAME.")
        return []
    if secrets is not None and header is not None:
        raise SettingError("--login and --trust-header", "one of them says who a visitor is", "Leave one out.")
    os.environ[ADMINS] = "\n".join(admins)
    if secrets is not None:
        os.environ[LOGIN] = "oidc"
        _check_secrets(Path(secrets).expanduser())
        return ["--secrets.files", str(Path(secrets).expanduser().absolute())]
    os.environ[LOGIN] = "header"
    os.environ[HEADER] = str(header).lower()
    os.environ["FORWARDED_ALLOW_IPS"] = ""  # uvicorn's: the address that is believed is the peer's, not what it says
    os.environ[PROXIES] = "\n".join(str(_address(proxy)) for proxy in proxies)
    return ["--server.trustedUserHeaders", json.dumps({header: FIELD})]


def believes(client: str | None) -> bool:
    """Whether a header from this address says who a visitor is: from this machine or a proxy that is listed."""
    listed = {_comparable(address) for address in (*LOOPBACK, *os.environ.get(PROXIES, "").splitlines())}
    return client is not None and _comparable(client) in listed


def _comparable(address: str) -> object:
    """An address as it compares: where a server listens on ``::``, one of version 4 arrives as ``::ffff:10.0.0.2``."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _check_secrets(path: Path) -> None:
    request, instead = f"a login by {path}", "See docs/deploy.md for what the file holds."
    if find_spec("authlib") is None:
        raise SettingError(request, "Authlib is not installed", "In the checkout: pip install '.[login]'.")
    try:
        auth = tomllib.loads(path.read_text(encoding="utf-8")).get("auth", {})
        readable = path.stat().st_mode & 0o077
    except (OSError, ValueError) as error:
        raise SettingError(request, f"the file cannot be read ({error})", instead) from error
    missing = [name for name in _NEEDED if not isinstance(auth.get(name), str) or not auth[name]]
    if missing:
        raise SettingError(request, f"its section auth lacks {', '.join(missing)}", instead)
    if len(auth["cookie_secret"]) < _SHORTEST:
        why = f"its cookie_secret has fewer than {_SHORTEST} characters, and who guesses it is anybody"
        raise SettingError(request, why, 'Make one: python -c "import secrets; print(secrets.token_hex(32))".')
    if readable and os.name == "posix":
        raise SettingError(request, "others on this machine can read the file", f"Run chmod 600 {path}.")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise SettingError(f"--trust-proxy {text}", "it is not an IP address", "Give one such as 10.0.0.2.") from error
