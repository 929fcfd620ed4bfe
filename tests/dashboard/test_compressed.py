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
from dashboard.compressed import StaticCompression
from dashboard.served import app as served

SCRIPT = "let points = [1, 2, 3];\n" * 500


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    for name, content in {"a.js": SCRIPT, "small.js": "1", "b.woff2": SCRIPT}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    files = [Mount(path, StaticFiles(directory=tmp_path)) for path in ("/static", "/media")]
    return TestClient(Starlette(routes=files, middleware=[Middleware(StaticCompression)]))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of each text that is compressed."""
    sizes: list[int] = []
    real = gzip.compress

    def counted(body: bytes, *options: int, mtime: int) -> bytes:
        sizes.append(len(body))
        return real(body, *options, mtime=mtime)

    monkeypatch.setattr(compressed.gzip, "compress", counted)
    return sizes


def test_a_script_is_compressed_once_and_again_where_it_has_changed(
    client: TestClient, tmp_path: Path, made: list[int]
) -> None:
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
    assert StaticCompression in [entry.cls for entry in served._user_middleware]


def test_paths_that_the_dashboard_does_not_know_leave_nothing_behind(made: list[int]) -> None:
    with TestClient(served, base_url="http://localhost") as visitor:
        answers = [visitor.get(f"/static/{number}") for number in range(20)]
    assert {answer.status_code for answer in answers} == {200}, "Streamlit answers with its first page"
    assert {answer.headers["content-encoding"] for answer in answers} == {"gzip"}
    assert len(made) == 1


def test_what_was_not_asked_for_lately_is_dropped(
    client: TestClient, tmp_path: Path, made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compressed, "_MOST_KEPT", 2)
    for name in ("c.js", "d.js"):
        (tmp_path / name).write_text(f"{SCRIPT}{name}", encoding="utf-8")
    for name in ("a.js", "c.js", "a.js", "d.js", "a.js", "c.js"):
        assert client.get(f"/static/{name}").headers["content-encoding"] == "gzip"
    assert len(made) == 4, "c.js alone is compressed twice"
