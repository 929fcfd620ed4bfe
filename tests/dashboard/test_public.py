"""A public server, really running, and visitors who send what no page offers: they are shown nothing of its disk."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest

from benchmarks.public_server import LINK, REFUSED, SECRET, hostile
from core.experiment.names import SETTINGS
from core.experiment.settings import Experiment
from core.packs.pack import pack
from core.packs.pack_folder import PackFolder
from core.pipeline.engine import Engine
from core.store.store import Store
from dashboard import hosts
from dashboard.page_table import PAGES
from dashboard.state.link import to_query
from tests.helpers.bench import until
from tests.helpers.browsing import serving
from tests.helpers.command_line import ROOT
from tests.helpers.raw_visitor import RawVisitor, visiting
from tests.helpers.tiny import save_tiny, write_table


@dataclass(frozen=True)
class Served:
    """A public server, the folder that it has everything in, and the setting of a pack from before it was public."""

    address: str
    folder: Path
    before: Experiment

    @property
    def own(self) -> tuple[str, ...]:
        """What nobody may be shown."""
        return (str(self.folder), str(ROOT), sys.prefix, SECRET, "root:x:", "Traceback", str(Path.home()) + "/")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("srv")
    model = save_tiny(folder / "model", "llama")
    corpus = write_table(folder / "listed.tsv")
    rows = "".join(f"{SECRET} {row}\tanother {row}\n" for row in range(20))
    (folder / "private.tsv").write_text(f"en\tde\n{rows}", encoding="utf-8")
    (folder / "odd.tsv").write_text(f"en\tde\n{rows}{SECRET}\n", encoding="utf-8")
    (folder / "private").mkdir()
    shutil.copytree(ROOT / "docs" / "reproduction", folder / "reports" / "shown")
    (folder / "private" / "report.json").write_text(json.dumps({"settings": SECRET}), encoding="utf-8")
    (folder / "reports" / "link").symlink_to(folder / "private")
    before = _used_before(folder)
    options = ["--public", "--allow-model", f"Small={model}", "--allow-corpus", f"Greetings={corpus}"]
    options += ["--allow-corpus", f"Odd=table:{folder / 'odd.tsv'}", "--allow-root", str(folder / "reports")]
    command = (sys.executable, "-m", "dashboard", *options)
    with serving(folder / "cache", command, Path("/"), PYTHONPATH=str(ROOT)) as address:
        yield Served(address, folder, before)


def _used_before(folder: Path) -> Experiment:
    """Fill the cache as on a server that is not public yet, with a pack too; returns the pack's setting."""
    table = write_table(folder / "unlisted.tsv")
    model = str(save_tiny(folder / "unlisted", "gpt2"))
    experiment = Experiment(model=model, corpus=table, target="en", experts=20, dtype="float32", device="cpu")
    engine = Engine(Store(folder / "cache"))
    engine.run(experiment)
    pack(engine, [experiment], folder / "before.pack", [])
    packs = PackFolder(folder / "cache", None)
    packs.put((folder / "before.pack").read_bytes(), "before.pack")
    return packs.settings()[0]


def assert_shows_nothing(visitor: RawVisitor, served: Served, sent: object) -> None:
    # What the visitor sent themselves, now or before, comes back in the link, in fields and in the words about it.
    text = visitor.text
    for value in (str(sent), *hostile(served.folder), str(served.folder / "reports")):
        text = text.replace(json.dumps(value)[1:-1], "").replace(urlencode({"": value})[1:], "")
    assert [own for own in served.own if own in text] == [], sent


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_of_a_link_shows_what_is_not_listed(served: Served, setting: str) -> None:
    with visiting(served.address) as visitor:
        for value in hostile(served.folder) if setting in ("model", "corpus", "probe_corpus") else ("/etc/passwd",):
            visitor.opens(LINK | {setting: value})
            assert_shows_nothing(visitor, served, value)
            if setting in ("model", "corpus", "probe_corpus"):
                assert any(words in visitor.text for words in REFUSED), value


def test_no_page_shows_what_is_not_listed(served: Served) -> None:
    value = f"table:{served.folder}/private.tsv"
    link = LINK | {"corpus": value, "view.with": urlencode({"corpus": value})}
    with visiting(served.address) as visitor:
        for page in PAGES:
            visitor.opens(link, page)
            assert_shows_nothing(visitor, served, value)


def test_no_page_of_what_is_listed_says_where_it_is(served: Served) -> None:
    with visiting(served.address) as visitor:
        until(lambda: "result-ready" in visitor.opens(LINK).text, "the listed model on the listed corpus")
        for page in PAGES:
            visitor.opens(LINK, page)
            assert_shows_nothing(visitor, served, "")
            assert "Something went wrong" not in visitor.text


def test_what_is_older_than_its_being_public_is_neither_listed_nor_opened(served: Served) -> None:
    with visiting(served.address) as visitor:
        visitor.opens(LINK | {"view.of": "all"}, "results")
        assert_shows_nothing(visitor, served, "")
        assert "unlisted" not in visitor.text
        visitor.opens(to_query(served.before))
        assert "this server offers only listed" in visitor.text
        assert "From a pack" not in visitor.text
        assert "Top-1 from" not in visitor.text


@pytest.mark.parametrize("setting", ["model", "corpus", "probe_corpus", "expert_sites", "expert_layers", "target"])
def test_no_field_takes_what_is_not_listed(served: Served, setting: str) -> None:
    with visiting(served.address) as visitor:
        visitor.opens(LINK).unfolds()
        for value in hostile(served.folder):
            visitor.sets(SETTINGS[setting].label, string_value=value)
            assert_shows_nothing(visitor, served, value)


def test_no_folder_of_a_report_leads_out(served: Served) -> None:
    with visiting(served.address) as visitor:
        for value in (*hostile(served.folder), "link", "shown/../link", "../private", str(served.folder / "reports")):
            visitor.opens(LINK | {"view.folder": value}, "reproduction")
            assert_shows_nothing(visitor, served, value)
            assert "Choose among: shown" in visitor.text
        visitor.opens(LINK | {"view.folder": "shown"}, "reproduction")
        assert "What held, and what did not" in visitor.text
        assert_shows_nothing(visitor, served, "shown")


def test_an_upload_is_its_sessions_own(served: Served) -> None:
    table = (served.folder / "listed.tsv").read_bytes()
    with visiting(served.address) as owner, visiting(served.address) as other:
        owner.opens(LINK).unfolds()
        assert owner.uploads("Table", "../../my table.tsv", table) == 204
        assert_shows_nothing(owner, served, "")
        owner.sets("Use these sentences", trigger_value=True)
        name = next(part.removeprefix("corpus=") for part in owner.query.split("&") if part.startswith("corpus="))
        assert name.startswith("upload%3A")
        assert "This cannot be shown" not in owner.text
        other.opens(LINK | {"corpus": name.replace("%3A", ":")})
        assert "only in the browser tab that it was uploaded in" in other.text
        assert "corpus=embedded" in other.query
        other.opens({}, "jobs")
        assert "Stop" not in other.widgets
        assert "Take away" not in other.widgets


def test_a_visitor_goes_on_with_one_upload_after_another(served: Served) -> None:
    rows = (served.folder / "listed.tsv").read_bytes().splitlines(keepends=True)
    corpora = set()
    with visiting(served.address) as visitor:
        for number in range(hosts.MOST_OF_SESSION + 2):
            visitor.opens(LINK).unfolds()  # settings from elsewhere give the field anew, whatever was in it
            assert visitor.uploads("Table", "left.tsv", b"".join(rows[:-1])) == 204
            visitor.opens(LINK).unfolds()
            assert visitor.uploads("Table", f"{number}.tsv", b"".join(rows[: len(rows) - number % 3])) == 204
            visitor.sets("Use these sentences", trigger_value=True)
            corpora.add(dict(parse_qsl(visitor.query))["corpus"])
            assert "This cannot be shown" not in visitor.text
    assert len(corpora) == 3


def test_an_upload_that_cannot_be_read_is_explained_to_its_owner(served: Served) -> None:
    with visiting(served.address) as visitor:
        visitor.opens(LINK).unfolds()
        visitor.uploads("Table", "my.tsv", b"en\tde\none\tein\ntwo\n")
        assert "line 3 of my.tsv has 1 cell" in visitor.text
        assert_shows_nothing(visitor, served, "")
