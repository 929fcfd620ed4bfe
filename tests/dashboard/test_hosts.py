"""A server answers to its own names alone: over http and websocket, from whatever folder it is started."""

from __future__ import annotations

import asyncio
import http.client
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import psutil
import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from core import access
from dashboard import hosts
from tests.helpers.browsing import serving
from tests.helpers.command_line import ROOT
from tests.helpers.raw_visitor import RawVisitor, visiting

_WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(scope="module")
def server_of_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server started from ``/``, where no configuration of Streamlit's is."""
    cache = tmp_path_factory.mktemp("hosts") / "cache"
    with serving(cache, cwd=Path("/"), PYTHONPATH=str(ROOT)) as address:
        yield address


def ask(address: str, path: str, host: str | None = None, **headers: str) -> http.client.HTTPResponse:
    """Ask for a path by some name of the server."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host or place.netloc)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection.getresponse()


@pytest.mark.parametrize("host", ["rebound.example", "rebound.example:80", "127.0.0.1.rebound.example", "a@localhost"])
@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/_stcore/host-config", "/_stcore/stream"])
def test_a_request_by_a_foreign_name_is_refused(server_of_root: str, host: str, path: str) -> None:
    headers = _WEBSOCKET if path.endswith("stream") else {}
    assert ask(server_of_root, path, host, **headers).status == 400


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "LOCALHOST", "[::1]"])
def test_requests_by_its_own_names_are_answered(server_of_root: str, name: str) -> None:
    host = f"{name}:{urlsplit(server_of_root).port}"
    assert ask(server_of_root, "/_stcore/health", host).status == 200
    assert ask(server_of_root, "/_stcore/stream", host, **_WEBSOCKET).status == 101


def test_a_websocket_of_another_page_is_refused(server_of_root: str) -> None:
    headers = _WEBSOCKET | {"Origin": "http://elsewhere.example"}
    assert ask(server_of_root, "/_stcore/stream", **headers).status == 403


def test_pages_stay_out_of_frames_and_figures_of_the_process_out_of_sight(server_of_root: str) -> None:
    page = ask(server_of_root, "/")
    assert page.status == 200
    assert page.getheader("X-Frame-Options") == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in str(page.getheader("Content-Security-Policy"))
    assert page.getheader("X-Content-Type-Options") == "nosniff"
    assert ask(server_of_root, "/_stcore/metrics").status == 404


def test_the_server_listens_on_this_machine_alone(server_of_root: str) -> None:
    port = urlsplit(server_of_root).port
    listening = {c.laddr.ip for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port}
    assert listening == {"127.0.0.1"}


def test_a_server_on_all_interfaces_is_asked_by_this_machines_names_and_addresses() -> None:
    assert hosts.names("127.0.0.1") == hosts.LOCAL
    assert hosts.names("192.0.2.7") == (*hosts.LOCAL, "192.0.2.7")
    everywhere = hosts.names("0.0.0.0")
    assert {*hosts.LOCAL, socket.gethostname()} <= set(everywhere)
    assert "0.0.0.0" not in everywhere
    assert hosts.of_options(["--server.address", "192.0.2.7"])[-1] == "--server.allowedHosts=192.0.2.7"
    local = [f"--server.allowedHosts={name}" for name in hosts.LOCAL]
    assert hosts.of_options(["--server.address=192.0.2.7", "--server.allowedHosts", "app.example"]) == local
    assert hosts.of_options(["--server.port", "9"]) == []


@pytest.mark.parametrize(("last", "status"), [(40, 204), (41, 503)])
def test_uploads_that_nobody_reads_do_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch, last: int, status: int
) -> None:
    manager = MemoryUploadedFileManager("/_stcore/upload_file")
    for session, size in (("b", 35), ("b", 25), ("c", last)):
        manager.add_file(session, UploadedFileRec(f"{session}-{size}", "a.csv", "text/csv", b"x" * size))
    monkeypatch.setattr(runtime, "exists", lambda: True)
    monkeypatch.setattr(runtime, "get_instance", lambda: SimpleNamespace(uploaded_file_mgr=manager))
    monkeypatch.setattr(hosts, "MOST_HELD", 100)
    monkeypatch.setattr(hosts, "_offered", {"a"})
    sent: list[Message] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "PUT", "path": "/_stcore/upload_file/a/b", "headers": [(b"host", b"localhost")]}
    asyncio.run(hosts.HostFilter(app)(scope, receive, send))
    assert sent[0]["status"] == status


def test_no_server_starts_where_it_cannot_tell_what_uploads_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None: ...

    class Renamed(MemoryUploadedFileManager):
        """As of a release that holds uploads under another name."""

        def __init__(self, upload_endpoint: str) -> None:
            super().__init__(upload_endpoint)
            self.files = vars(self).pop("file_storage")

    monkeypatch.setattr(hosts, "MemoryUploadedFileManager", Renamed)
    with pytest.raises(AttributeError, match="file_storage"):
        hosts.HostFilter(app)


def test_uploads_on_their_way_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    each = access.LARGEST_UPLOAD
    many = hosts.MOST_HELD // each + 1
    monkeypatch.setattr(hosts, "_offered", set(map(str, range(many + 1))))
    sent: list[Message] = []

    async def upload(app: hosts.HostFilter, session: str) -> None:
        async def send(message: Message) -> None:
            sent.append(message)

        headers = [(b"host", b"localhost"), (b"content-length", str(2 * each).encode())]  # more than is taken
        scope = {"type": "http", "method": "PUT", "path": f"/_stcore/upload_file/{session}/b", "headers": headers}
        await app(scope, lambda: asyncio.sleep(0, {"type": "http.request", "body": b""}), send)

    async def all_at_once() -> None:
        goes_on = asyncio.Event()

        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            await goes_on.wait()
            await send({"type": "http.response.start", "status": 204, "headers": []})

        server = hosts.HostFilter(app)
        under_way = [asyncio.create_task(upload(server, str(number))) for number in range(many + 1)]
        while not sent:
            await asyncio.sleep(0)
        assert [message["status"] for message in sent if "status" in message] == [503]
        goes_on.set()
        await asyncio.gather(*under_way)
        await upload(server, "0")

    asyncio.run(all_at_once())
    statuses = [message["status"] for message in sent if "status" in message]
    assert statuses == [503, *[204] * (many + 1)]


def test_a_session_holds_few_files_and_one_that_was_offered_nothing_none(server_of_root: str) -> None:
    table = b"en,de\none,ein\n"
    with visiting(server_of_root) as visitor, visiting(server_of_root) as other:
        for present in (visitor, other):
            present.opens({})
        assert sends(other, 1, table) == [403]
        visitor.unfolds()
        assert sends(visitor, hosts.MOST_OF_SESSION + 1, table) == [204] * hosts.MOST_OF_SESSION + [429]
        other.unfolds()
        assert sends(other, 1, table) == [204], "another visitor's are not counted"


def test_refused_packs_leave_room_for_the_next_and_their_words_stay(server_of_root: str) -> None:
    with visiting(server_of_root) as visitor:
        visitor.opens({}).unfolds()
        for number in range(hosts.MOST_OF_SESSION + 1):
            assert visitor.uploads("A pack", f"{number}.pack", b"no pack") == 204
        visitor.unfolds()  # as at any other control
        assert f"{number}.pack: it is no pack" in visitor.text


def sends(visitor: RawVisitor, count: int, content: bytes) -> list[int]:
    """Send files one after another, without telling the page; returns the statuses."""
    return [visitor.puts(f"file-{number}", "a.csv", content) for number in range(count)]
