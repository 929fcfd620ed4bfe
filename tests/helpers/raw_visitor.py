"""A visitor without a browser: speaks Streamlit's protocol to a real server, and may send what no page would."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from google.protobuf.json_format import MessageToDict
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

PATIENCE = 300.0
XSRF = "_streamlit_xsrf"


class RawVisitor:
    """One session of a server.

    Attributes
    ----------
    shown : list of dict
        What the page was last told to show, a message each.
    widgets : dict of str to dict
        Its widgets by label.
    session : str
        Its session's id.
    query : str
        The link's query, as the server wrote it last.
    """

    def __init__(self, socket: ClientConnection, address: str, xsrf: str) -> None:
        self.address, self.shown, self.widgets, self.session = address, [], {}, ""
        self._socket, self._xsrf = socket, xsrf
        self._states: dict[str, WidgetState] = {}
        self.query = ""
        self._page = ""
        self._folded: list[str] = []

    @property
    def text(self) -> str:
        """Everything that the server has sent for the page, as one text."""
        return json.dumps(self.shown, ensure_ascii=False)

    def opens(self, query: Mapping[str, str], page: str = "") -> RawVisitor:
        """Follow a link to a page, and wait until the page is drawn."""
        self.query, self._page, self._states = urlencode(query), page, {}
        return self._run()

    def sets(self, label: str, **value: Any) -> RawVisitor:
        """Send a widget's value, whatever the page offers: ``sets("Model", string_value="/etc")``."""
        assert label in self.widgets, f"no {label} among {list(self.widgets)}: {self.text[-2000:]}"
        id_ = self.widgets[label]["id"]
        self._states[id_] = WidgetState(id=id_, **value)
        return self._run()

    def unfolds(self) -> RawVisitor:
        """Open every part of the page that is built only when it is open."""
        for id_ in self._folded:
            self._states[id_] = WidgetState(id=id_, bool_value=True)
        return self._run()

    def puts(self, file: str, name: str, content: bytes) -> int:
        """Send a file under an id, and tell no page; the status of the transfer is given."""
        mark = uuid.uuid4().hex
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={mark}",
            "Cookie": f"{XSRF}={self._xsrf}",
            "X-Xsrftoken": self._xsrf,
        }
        try:
            place = f"{self.address}{self._place(file)}"
            with urlopen(Request(place, body, headers, method="PUT"), timeout=PATIENCE) as answer:
                return int(answer.status)
        except HTTPError as refusal:
            return int(refusal.code)

    def _place(self, file: str) -> str:
        return f"/_stcore/upload_file/{self.session}/{file}"

    def uploads(self, label: str, name: str, content: bytes) -> int:
        """Send a file as a form does, and tell the page; the status of the transfer is given."""
        file = uuid.uuid4().hex
        status = self.puts(file, name, content)
        id_ = self.widgets[label]["id"]
        state, path = WidgetState(id=id_), self._place(file)
        sent = state.file_uploader_state_value.uploaded_file_info.add(name=name, size=len(content), file_id=file)
        sent.file_urls.file_id, sent.file_urls.upload_url, sent.file_urls.delete_url = file, path, path
        self._states[id_] = state
        self._run()
        return status

    def _run(self) -> RawVisitor:
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_name = self._page
        message.rerun_script.widget_states.widgets.extend(self._states.values())
        self._socket.send(message.SerializeToString())
        self.shown, self.widgets, self._folded = [], {}, []
        while True:
            received = ForwardMsg.FromString(bytes(self._socket.recv(PATIENCE)))
            content = MessageToDict(received)
            kind = received.WhichOneof("type")
            if kind == "new_session":
                self.shown, self.widgets, self._folded = [], {}, []
                self.session = received.new_session.initialize.session_id
                content.pop("newSession")  # it holds the settings of Streamlit and the script's place
            if kind == "page_info_changed":  # the link as the server writes it
                self.query = received.page_info_changed.query_string
            self.shown.append(content)
            if kind == "delta":
                self._note_widgets(content["delta"])
            # The page may ask to be drawn again; then what counts is the last time.
            if kind == "script_finished" and received.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                self._states = {id_: state for id_, state in self._states.items() if not state.trigger_value}
                return self

    def _note_widgets(self, delta: Mapping[str, Any]) -> None:
        self._folded += [
            block["id"]
            for kind, block in delta.get("addBlock", {}).items()
            if kind in ("expandable", "popover") and block.get("id")
        ]
        for element in delta.get("newElement", {}).values():
            if isinstance(element, dict) and "id" in element and "label" in element:
                self.widgets[element["label"]] = element


@contextmanager
def visiting(address: str, cookies: str = "", **headers: str) -> Iterator[RawVisitor]:
    """Open a session on a server, as a browser does that has these cookies."""
    with urlopen(f"{address}/_stcore/health", timeout=PATIENCE) as answer:
        found = re.search(rf"{XSRF}=([^;]+)", str(answer.headers.get("Set-Cookie", "")))
    assert found
    xsrf = found[1]
    place = f"ws://{urlsplit(address).netloc}/_stcore/stream"
    sent = {"Cookie": "; ".join(filter(None, (f"{XSRF}={xsrf}", cookies)))} | headers
    protocols = [Subprotocol("streamlit"), Subprotocol(xsrf)]
    with connect(
        place, origin=Origin(address), additional_headers=sent, max_size=None, subprotocols=protocols
    ) as socket:
        yield RawVisitor(socket, address, xsrf)
