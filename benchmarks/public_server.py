"""A public server, and visitors who ask for what is not theirs: files, models of the hub, others' uploads and jobs."""

from __future__ import annotations

import http.client
import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from benchmarks.tried import HELD, HUNG, LOST, Count, Sizes
from core.experiment.names import SETTINGS
from core.location import checkout
from dashboard.page_table import PAGES

LINK = {"model": "Small", "corpus": "Greetings", "target": "en", "experts": "20"}
REFUSED = ("this server offers only listed", "only in the browser tab", "it cannot be used on this server at present")
SECRET = "hunter2 and more words"
_UPLOADED, _TITLE = "what the owner alone may read", "the owner's own table"
_PLACES = ("model", "corpus", "probe_corpus")
_FILES = ("adapter", "experts_from")
_PATHS = (
    "/../../../../etc/passwd",
    "/static/../../../../../etc/passwd",
    "/static/..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/app/static/../../../../etc/passwd",
    "/media/../../../../etc/passwd",
    "/component/dashboard.sentence_map/../../../../../../etc/passwd",
    "/_stcore/bidi-components/../../../../etc/passwd",
    "//etc/passwd",
    "/_stcore/metrics",
    "/.streamlit/secrets.toml",
    "/.env",
)


def hostile(folder: Path) -> tuple[str, ...]:
    """Values that name what is not a visitor's, on a server that has everything in a folder."""
    return (
        f"table:{folder}/private.tsv",
        f"table:{folder}/odd.tsv",
        f"{folder}/model",
        f"{folder}/private",
        "../private",
        "~root",
        "~nosuch/x",
        "/etc/passwd",
        "table:/etc/passwd",
        "upload:../listed.tsv",
        "Odd",
        "table:\0",
        "[x](http://127.0.0.1:1/x) ![x](http://127.0.0.1:1/x.png)",
    )


_OF_THE_HUB = ("bigscience/bloom-560m", "bigscience/bloom-560m@main", "owner/name", "hf:owner/name", "s3://bucket/name")


@dataclass(frozen=True)
class Public:
    """A public server, and the folder that it has everything in."""

    address: str
    folder: Path

    @property
    def own(self) -> tuple[str, ...]:
        """What nobody may be shown."""
        places = (str(self.folder), str(checkout()), sys.prefix, str(Path.home()) + "/")
        return (*places, SECRET, "root:x:", "Traceback", '"exception"')

    def leaked(self, visitor: Any, sent: object) -> list[str]:
        """What a visitor is shown that nobody may be; what they sent themselves comes back in links and words."""
        text = visitor.text
        for value in (str(sent), *hostile(self.folder), str(self.folder / "reports")):
            text = text.replace(json.dumps(value)[1:-1], "").replace(urlencode({"": value})[1:], "")
        return [own for own in self.own if own in text]


@contextmanager
def public(folder: Path) -> Iterator[Public]:
    """Serve one listed model and corpus, beside much that is not listed."""
    tests = importlib.import_module("tests.helpers.tiny")
    serving = importlib.import_module("tests.helpers.browsing").serving
    model, corpus = tests.save_tiny(folder / "model", "llama"), tests.write_table(folder / "listed.tsv")
    rows = "".join(f"{SECRET} {row}\tanother {row}\n" for row in range(20))
    (folder / "private.tsv").write_text(f"en\tde\n{rows}", encoding="utf-8")
    (folder / "odd.tsv").write_text(f"en\tde\n{rows}{SECRET}\n", encoding="utf-8")
    for name in ("private", "reports"):
        (folder / name).mkdir()
    (folder / "private" / "report.json").write_text(json.dumps({"settings": SECRET}), encoding="utf-8")
    (folder / "reports" / "link").symlink_to(folder / "private")
    options = ["--public", "--allow-model", f"Small={model}", "--allow-corpus", f"Greetings={corpus}"]
    options += ["--allow-corpus", f"Odd=table:{folder / 'odd.tsv'}", "--allow-root", str(folder / "reports")]
    command = (sys.executable, "-m", "dashboard", *options)
    environment = {"PYTHONPATH": str(checkout()), "LANGUAGE_NEURONS_WORKER": "child"}
    with serving(folder / "cache", command, Path("/"), **environment) as address:
        yield Public(address, folder)


def prying(folder: Path, _sizes: Sizes) -> Count:
    """Ask a public server for all that it does not offer; each is refused in words, and nothing is shown of it."""
    visiting = importlib.import_module("tests.helpers.raw_visitor").visiting
    count = Count("a public server is asked for what is not the visitor's")
    with public(folder) as server:
        for name, try_all in {"links": _links, "fields": _fields, "others": _others}.items():
            try:
                with visiting(server.address) as visitor, visiting(server.address) as other:
                    for sent, faults in try_all(server, visitor, other):
                        count.add(LOST if faults else HELD, f"{name}, {sent}: {', '.join(faults)}")
            except TimeoutError:
                count.add(HUNG, f"{name}: no answer within the wait of a visitor")
            except Exception as error:
                count.add(LOST, f"{name}: {error!r:.500}")
        for path in _PATHS:
            faults = _fetched(server, path)
            count.add(LOST if faults else HELD, f"{path}: {', '.join(faults)}")
    return count


_Tries = Iterator[tuple[str, list[str]]]  # what was sent, and what was wrong with the answer


def _links(server: Public, visitor: Any, _: Any) -> _Tries:
    values = hostile(server.folder)
    for setting in SETTINGS:
        if setting in _PLACES:
            sent = (*values, *(_OF_THE_HUB if setting == "model" else ()))
        else:
            sent = values if setting in _FILES else ("/etc/passwd",)
        for value in sent:
            visitor.opens(LINK | {setting: value})
            refused = setting not in _PLACES or any(words in visitor.text for words in REFUSED)
            yield f"{setting}={value}", server.leaked(visitor, value) + ([] if refused else ["it is not refused"])
    for page in PAGES:
        value = f"table:{server.folder}/private.tsv"
        visitor.opens(LINK | {"corpus": value, "view.with": urlencode({"corpus": value})}, page)
        yield f"corpus={value} on {page}", server.leaked(visitor, value)
    for value in (*values, "link", "../private", str(server.folder / "reports"), str(server.folder / "private")):
        visitor.opens(LINK | {"view.folder": value}, "reproduction")
        yield f"the report {value}", server.leaked(visitor, value)


def _fields(server: Public, visitor: Any, _: Any) -> _Tries:
    visitor.opens(LINK).unfolds()
    for setting in (*_PLACES, "target", "expert_layers"):
        for value in hostile(server.folder):
            if SETTINGS[setting].label in visitor.widgets:
                visitor.sets(SETTINGS[setting].label, string_value=value)
                yield f"the field {setting}: {value}", server.leaked(visitor, value)


def _others(server: Public, owner: Any, other: Any) -> _Tries:
    """One visitor uploads a table and asks for a result; another looks for both."""
    rows = "".join(f"{_UPLOADED}, row {row}\tZeile {row}\n" for row in range(12))
    owner.opens(LINK).unfolds()
    owner.uploads("Table", f"{_TITLE}.tsv", f"en\tde\n{rows}".encode())
    owner.sets("Use these sentences", trigger_value=True)
    upload = dict(parse_qsl(owner.query)).get("corpus", "")
    yield "the owner's upload", [] if upload.startswith("upload:") else ["it is not taken"]
    places = [{setting: upload} for setting in ("corpus", "probe_corpus")]
    for link in (*places, {"view.with": urlencode({"corpus": upload})}):
        for page in PAGES:
            other.opens(LINK | link, page)
            yield f"another's upload as {', '.join(link)} on {page}", _of_another(server, other, upload)
    for page in ("jobs", "results"):
        other.opens(LINK | {"view.of": "all"}, page)
        faults = _of_another(server, other, "") + ([upload] if upload in other.text else [])
        yield f"another's work on {page}", faults + [word for word in ("Stop", "Take away") if word in other.widgets]
    status = other.puts("x", "a.tsv", b"en\tde\n")
    other.session, session = owner.session + "0", other.session
    status_of_none = other.puts("x", "a.tsv", b"en\tde\n")
    other.session = session
    yield "a file for a session that was offered nothing", [] if status_of_none in (400, 403) else [str(status_of_none)]
    yield "a file for a page that offers nothing", [] if status == 403 else [str(status)]


def _of_another(server: Public, visitor: Any, sent: str) -> list[str]:
    """What a visitor is shown of the owner's, or of the server's."""
    return server.leaked(visitor, sent) + [words for words in (_UPLOADED, _TITLE) if words in visitor.text]


def _fetched(server: Public, path: str) -> list[str]:
    """What the answer to a request for a path has that it must not have."""
    place = urlsplit(server.address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
    connection.request("GET", path)
    text = connection.getresponse().read().decode(errors="replace")
    connection.close()
    return [own for own in (*server.own, "# HELP", "# TYPE") if own in text]
