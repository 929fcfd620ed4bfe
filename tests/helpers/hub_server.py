"""A Hugging Face hub in miniature, over HTTP on this machine: enough of its protocol to find and download a model."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Repository:
    """A model on the hub: its files, the names of its revisions, whether there are terms to accept, or no answer.

    A revision that is a commit is of itself, all others of one commit.

    ``understated`` are sizes that the hub states of files that are longer.
    """

    folder: Path
    revisions: tuple[str, ...] = ("main", COMMIT)
    gated: bool = False
    broken: bool = False
    understated: Mapping[str, int] = field(default_factory=dict)
    commit: str = COMMIT


class _Handler(BaseHTTPRequestHandler):
    repositories: Mapping[str, Repository]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, *, body: bool) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        api = parts[:2] == ["api", "models"]
        owner, name, *path_parts = (parts[2:] if api else parts) + ["", ""]
        path_parts = [part for part in path_parts if part]
        repository = self.repositories.get(f"{owner}/{name}")
        if repository is None:
            return self._refuse(401, "RepoNotFound", "Repository not found", body)
        if repository.broken:
            return self._send(503, b"", {}, body)
        revision = path_parts[1] if len(path_parts) > 1 else "main"
        if revision not in repository.revisions:
            return self._refuse(404, "RevisionNotFound", "Revision not found", body)
        commit = revision if len(revision) == len(COMMIT) else repository.commit
        if api:
            names = sorted(path.name for path in repository.folder.iterdir())
            record = {
                "_id": "0",
                "id": f"{owner}/{name}",
                "sha": commit,
                "private": False,
                "gated": "manual" if repository.gated else False,
                "siblings": [{"rfilename": sibling} for sibling in names],
            }
            if path_parts[:1] == ["tree"]:
                record = [{"type": "file", "path": sibling, "size": 1, "oid": "0"} for sibling in names]  # type: ignore[assignment]
            return self._send(200, json.dumps(record).encode(), {"Content-Type": "application/json"}, body)
        if repository.gated:
            return self._refuse(403, "GatedRepo", "Access to this model is restricted", body)
        path = repository.folder / "/".join(path_parts[2:])
        if path_parts[0] != "resolve" or not path.is_file():
            # so that the client remembers what this commit lacks
            return self._refuse(404, "EntryNotFound", "Entry not found", body, {"X-Repo-Commit": commit})
        content = path.read_bytes()
        etag = hashlib.sha256(content).hexdigest()
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if (stated := repository.understated.get(path.name)) is not None and not body:
            headers["X-Linked-Size"] = str(stated)
        return self._send(200, content, headers, body)

    def _refuse(
        self, status: int, code: str, message: str, body: bool, further: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": message, **further}, body)

    def _send(self, status: int, content: bytes, headers: Mapping[str, str], body: bool) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)


@contextmanager
def serving(repositories: Mapping[str, Repository]) -> Iterator[str]:
    """Serve models by ``owner/name``; gives the address."""
    handler = type("Handler", (_Handler,), {"repositories": repositories})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def surroundings(home: Path, endpoint: str, offline: bool = False) -> dict[str, str]:
    """The environment of a process whose hub is at an endpoint."""
    environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    environment.pop("LANGUAGE_NEURONS_DOWNLOADS", None)
    environment |= {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": str(int(offline)),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": str(ROOT),
    }
    for key in ("HF_TOKEN", "HF_HUB_CACHE", "TRANSFORMERS_OFFLINE"):
        environment.pop(key, None)
    return environment
