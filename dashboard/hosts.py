"""Which requests the server answers: those to its own names alone, and none for what is not for visitors.

A web page that a person has open elsewhere can let its own name lead to this machine (DNS rebinding), and then reads
what the dashboard shows. Its requests carry that name in ``Host``, so they are refused. Streamlit looks at the name
for websockets alone.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections import Counter
from collections.abc import Mapping, Sequence

import psutil
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import DeletedFile, UploadedFileManager, UploadedFileRec

# Streamlit has no public way to ask this. Its own answer is taken, so that http and websockets read a name alike; a
# release that moves the function stops the server's start, not its guard.
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from core import access
from dashboard import login

LOCAL = ("localhost", "127.0.0.1", "::1")
"""Names of this machine for itself; ``.streamlit/config.toml`` says the same."""

MOST_HELD = 512 * 2**20
"""Bytes of uploads in memory or on their way there, beyond which no more are taken."""

MOST_OF_SESSION = 3
"""Files of one session in memory or on their way there: a table and a pack, and one that takes the place of either.

Streamlit keeps a file as long as the session, so that who takes one drops it (`drop_upload`).
"""

_UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+/?")
_CLOSED = "/_stcore/metrics"  # memory and sessions of the process, with no login before it
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Content-Security-Policy": "frame-ancestors 'self'",
    "Referrer-Policy": "same-origin",  # a link holds the setting
}


def names(address: str) -> tuple[str, ...]:
    """The names by which a server that listens at an address may be asked for.

    Parameters
    ----------
    address : str
        As ``--server.address`` has it.

    Returns
    -------
    tuple of str
        `LOCAL`; for all interfaces also every address and the name of this machine; else the address itself.
    """
    try:
        everywhere = ipaddress.ip_address(address).is_unspecified
    except ValueError:
        everywhere = False
    if not everywhere:
        return tuple(dict.fromkeys((*LOCAL, address)))
    addresses = [
        entry.address.partition("%")[0]
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family in (socket.AF_INET, socket.AF_INET6)
    ]
    own = (socket.gethostname(), socket.getfqdn())
    return tuple(dict.fromkeys((*LOCAL, *addresses, *(name for name in own if name))))


def of_options(given: Sequence[str]) -> list[str]:
    """The options that name the hosts beside those that ``streamlit run`` is given; none where it is given none.

    Where names are given, this machine's for itself are added: a check of the server's health asks by one of them.
    """
    options = _by_name(given)
    if "--server.allowedHosts" in options:
        hosts: tuple[str, ...] = LOCAL
    elif "--server.address" in options:
        hosts = names(options["--server.address"])
    else:
        hosts = ()  # `.streamlit/config.toml` says them
    return [f"--server.allowedHosts={name}" for name in hosts]


def _by_name(given: Sequence[str]) -> dict[str, str]:
    """The options of a command line, as ``--name value`` or ``--name=value``; of several of one name, the last."""
    options = {}
    for word, following in zip(given, (*given[1:], ""), strict=True):
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            options[name] = value if equals else following
    return options


_offered: set[str] = set()  # sessions that were offered to upload something


def offer_upload() -> None:
    """Take files of the visitor whose page is drawn, since it offers that; of nobody else, who may not be logged in."""
    context = get_script_run_ctx()
    if context is not None and runtime.exists():
        active = runtime.get_instance().is_active_session
        _offered.difference_update([session for session in tuple(_offered) if not active(session)])
        _offered.add(context.session_id)


def drop_upload(file: str) -> None:
    """Drop a file, given by its id, of the visitor whose page is drawn: it was taken, or its field is gone."""
    context = get_script_run_ctx()
    manager = runtime.get_instance().uploaded_file_mgr if runtime.exists() else None
    if file and context is not None and isinstance(manager, MemoryUploadedFileManager):
        manager.remove_file(session_id=context.session_id, file_id=file)


def dropped_upload(value: object) -> str:
    """The id of a dropped file that its field names still, given the field's value; empty for all else."""
    return value.file_id if isinstance(value, DeletedFile) else ""


def held_by_uploads() -> int:
    """Bytes of uploaded files that Streamlit has in memory, of all sessions: it keeps them until it is told."""
    return sum(len(file.data) for files in list(_stored().values()) for file in list(files.values()))


def _stored() -> Mapping[str, Mapping[str, UploadedFileRec]]:
    """Uploaded files by session and id."""
    return _stored_by(runtime.get_instance().uploaded_file_mgr) if runtime.exists() else {}


def _stored_by(manager: UploadedFileManager) -> Mapping[str, Mapping[str, UploadedFileRec]]:
    """What Streamlit's manager of uploads holds; raises `TypeError` for another, of which nobody knows that."""
    if not isinstance(manager, MemoryUploadedFileManager):
        raise TypeError(f"uploads are held by {type(manager).__name__}, whose memory cannot be measured")
    return manager.file_storage


def _session(scope: Scope) -> str:
    """The session that an upload is for; empty where it names none."""
    named = _UPLOAD.search(scope["path"])
    return named[1] if named else ""


def _announced(scope: Scope) -> int:
    """Bytes that an upload says it has; where it says nothing, as many as one may have."""
    headers = dict(scope["headers"])
    said = b"" if b"transfer-encoding" in headers else headers.get(b"content-length", b"")
    return min(int(said), access.LARGEST_UPLOAD) if said.isdigit() else access.LARGEST_UPLOAD


def _without_claims(scope: Scope) -> Scope:
    """A request without the header that says who the visitor is, unless a proxy that is believed has sent it."""
    name = os.environ.get(login.HEADER, "").encode()
    client = scope.get("client")
    if not name or login.believes(client[0] if client else None):
        return scope
    return {**scope, "headers": [(key, value) for key, value in scope["headers"] if key.lower() != name]}


class HostFilter:
    """Refuses requests to other names, http and websocket, and adds the headers that keep a page out of a frame."""

    def __init__(self, app: ASGIApp) -> None:
        # Streamlit has no public way to ask for what it holds. A release that holds it elsewhere stops the server's
        # start: without it, uploads could fill the memory.
        _stored_by(MemoryUploadedFileManager(""))
        self._app = app
        self._arriving = 0  # bytes of uploads whose requests go on
        self._arriving_of: Counter[str] = Counter()  # how many, by session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), None)
        if not is_host_allowed(host):
            text = "This server is not asked for by that name. Whoever runs it adds names with --server.allowedHosts.\n"
            await PlainTextResponse(text, 400)(scope, receive, send)
            return
        if scope["path"].rstrip("/").endswith(_CLOSED):
            await PlainTextResponse("Not for visitors.\n", 404)(scope, receive, send)
            return
        uploads = scope.get("method") == "PUT"
        session = _session(scope) if uploads else ""
        if uploads and (refusal := self._refuses(session)) is not None:
            await refusal(scope, receive, send)
            return
        size = _announced(scope) if uploads else 0
        scope = _without_claims(scope)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        self._arriving += size
        self._arriving_of[session] += uploads
        try:
            await self._app(scope, receive, with_headers)
        finally:
            self._arriving -= size
            self._arriving_of[session] -= uploads
            self._arriving_of += Counter()  # without those that have none any more

    def _refuses(self, session: str) -> PlainTextResponse | None:
        """What to answer to an upload that is not taken."""
        if session not in _offered:
            return PlainTextResponse("No page offers this visitor to upload anything.\n", 403)
        if len(_stored().get(session, ())) + self._arriving_of[session] >= MOST_OF_SESSION:
            return PlainTextResponse("Too many uploads of this visitor. Reload the page.\n", 429)
        if held_by_uploads() + self._arriving > MOST_HELD:
            return PlainTextResponse("Too many uploads wait to be read. Try again later.\n", 503)
        return None
