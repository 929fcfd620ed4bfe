"""A web server of single files on this machine, which can disturb downloads as real servers do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class PublishedFile:
    """A file on the server; tests change it between requests.

    Attributes
    ----------
    ranges : bool
        Whether the server can send a part.
    breaks_after : int or None
        The connection ends after this many bytes of the body.
    shifted : int
        A partial answer begins this many bytes late.
    status : int
        What it answers instead, if not 200.
    """

    content: bytes
    etag: str | None = '"one"'
    modified: str | None = None
    ranges: bool = True
    breaks_after: int | None = None
    shifted: int = 0
    status: int = 200


@dataclass
class Site:
    """The files of the server, the requests that it received, and the bytes that it sent."""

    files: dict[str, PublishedFile] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    address: str = ""

    def url(self, name: str) -> str:
        return f"{self.address}/{name}"

    @property
    def last(self) -> dict[str, str]:
        """Headers of the last request."""
        return self.requests[-1][1]


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.site.requests.append((name, dict(self.headers.items())))
        file = self.site.files.get(name)
        if file is None or file.status != 200:
            self.send_error(404 if file is None else file.status)
            return
        body, start = file.content, self._start(file)
        if start is not None and start >= len(body):
            self.send_error(416)
            return
        if start is not None:
            start += file.shifted
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            body = body[start:]
        else:
            self.send_response(200)
        if file.etag:
            self.send_header("ETag", file.etag)
        if file.modified:
            self.send_header("Last-Modified", file.modified)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        body = body[: file.breaks_after]
        self.site.sent.append(len(body))  # before the last byte: with that one a test goes on
        self.wfile.write(body)

    def _start(self, file: PublishedFile) -> int | None:
        """The first byte, if a part is requested and the file is still the version that the request names."""
        requested_range = self.headers.get("Range")
        if (
            not requested_range
            or not file.ranges
            or self.headers.get("If-Range") not in (None, file.etag, file.modified)
        ):
            return None
        return int(requested_range.removeprefix("bytes=").removesuffix("-"))


@contextmanager
def serving() -> Iterator[Site]:
    """Serve files on a free port of this machine."""
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": site}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    site.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
