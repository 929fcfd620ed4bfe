"""The files of the pages' own program, compressed once: Streamlit sends 4 MB of scripts to a new browser as they are.

It leaves that to a proxy, because compressing on every request costs more than it saves. A file is compressed here when
it is first asked for, and kept. It is kept by what it holds: Streamlit answers paths that it does not know with its
first page, so that by path anybody could fill the memory.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections import OrderedDict

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FOLDER = "/static/"
_TEXT = ("text/", "application/javascript", "application/json", "image/svg+xml")
_SMALLEST = 1024  # bytes; less fits into one packet
_MOST_KEPT = 512  # files; Streamlit has some 320


class StaticCompression:
    """Answers requests for static text with gzip, where the browser takes it; all else passes as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()  # by digest, what was asked for last at the end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not _asks_for_it(scope):
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = bytearray()

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_text(message):
                start = message
            elif start is None:
                await send(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    await self._send(start, bytes(body), send)

        await self._app(scope, receive, collect)

    async def _send(self, start: Message, body: bytes, send: Send) -> None:
        packed = await self._compressed(body)
        headers = MutableHeaders(scope=start)
        headers["content-encoding"] = "gzip"
        headers["content-length"] = str(len(packed))
        headers.add_vary_header("accept-encoding")
        if "etag" in headers and not headers["etag"].startswith("W/"):
            headers["etag"] = f"W/{headers['etag']}"  # the same file, other bytes
        await send(start)
        await send({"type": "http.response.body", "body": packed})

    async def _compressed(self, body: bytes) -> bytes:
        key = hashlib.sha256(body).digest()
        if key not in self._kept:
            self._kept[key] = await asyncio.to_thread(gzip.compress, body, 6, mtime=0)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def _asks_for_it(scope: Scope) -> bool:
    """Whether a request is for a whole static file, by a browser that takes gzip."""
    if scope["type"] != "http" or scope["method"] != "GET" or _FOLDER not in scope["path"]:
        return False
    headers = Headers(scope=scope)
    taken = [part.partition(";")[0].strip() for part in headers.get("accept-encoding", "").lower().split(",")]
    return "gzip" in taken and "range" not in headers


def _is_text(start: Message) -> bool:
    """Whether an answer is a whole file of text that is not compressed yet."""
    headers = Headers(raw=start["headers"])
    return (
        start["status"] == 200
        and "content-encoding" not in headers
        and headers.get("content-type", "").startswith(_TEXT)
        and int(headers.get("content-length", _SMALLEST)) >= _SMALLEST
    )
