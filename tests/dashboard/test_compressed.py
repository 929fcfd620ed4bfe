"""Static text goes compressed to browsers that take it, once made; all else is as the server sends it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

from dashboard import compressed
from dashboard.compressed import CompressedOnce
from dashboard.served import app as served

SCRIPT = "let points = [1, 2, 3];\n" * 500


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    for name, content in {"a.js": SCRIPT, "small.js": "1", "b.woff2": SCRIPT}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    files = [Mount(path, StaticFiles(directory=tmp_path)) for path in ("/static", "/media")]
    return TestClient(Starlette(routes=files, middleware=[Middleware(CompressedOnce)]))


def test_a_script_is_compressed_once_and_again_where_it_has_changed(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    real = gzip.compress

    def counted(body: bytes, *options: int, mtime: int) -> bytes:
        made.append(len(body))
        return real(body, *options, mtime=mtime)

    monkeypatch.setattr(compressed.gzip, "compress", counted)
    for _ in range(2):
        answer = client.get("/static/a.js")
        assert answer.headers["content-encoding"] == "gzip"
        assert int(answer.headers["content-length"]) < len(SCRIPT) / 10
        assert answer.headers["vary"] == "accept-encoding"
        assert answer.text == SCRIPT  # which the client has unpacked
    assert made == [len(SCRIPT)]
    again = client.get("/static/a.js", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    (tmp_path / "a.js").write_text(f"{SCRIPT}//", encoding="utf-8")
    assert client.get("/static/a.js").text == f"{SCRIPT}//"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/static/a.js", {"Accept-Encoding": "br, identity"}),
        ("/static/a.js", {"Range": "bytes=0-9"}),
        ("/static/small.js", {}),
        ("/static/b.woff2", {}),
        ("/static/none.js", {}),
        ("/media/a.js", {}),
    ],
)
def test_all_else_passes_as_it_is(client: TestClient, path: str, headers: dict[str, str]) -> None:
    answer = client.get(path, headers=headers)
    assert "content-encoding" not in answer.headers
    assert answer.status_code == {"/static/none.js": 404}.get(path, 206 if "Range" in headers else 200)


def test_the_dashboard_is_served_so() -> None:
    assert CompressedOnce in [entry.cls for entry in served._user_middleware]
