"""What a public server shows that it must not is said; what visitors sent themselves is not taken for it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

from benchmarks.public_server import SECRET, Public, hostile


def test_what_is_shown_of_the_servers_own_is_said() -> None:
    server = Public("", Path("/srv/of/it"))

    def leaked(text: str, sent: str = "") -> list[str]:
        return server.leaked(SimpleNamespace(text=json.dumps(text)), sent)

    assert leaked("a page of greetings") == []
    assert leaked(f"line 3 of a table: {SECRET}") == [SECRET]
    assert leaked("no such file: /srv/of/it/listed.tsv") == ["/srv/of/it"]
    assert leaked("root:x:0:0:root") == ["root:x:"]
    for sent in hostile(server.folder):
        assert leaked(f"{sent} is not offered", sent) == []
