"""A visitor's own table: kept by content, refused with its line, and never in the way of the page."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import expect

from core import access
from core.corpora.load import load_corpus
from core.errors import AskError
from core.experiment.settings import Experiment
from core.experiment.title import in_words
from dashboard.sidebar import uploads
from dashboard.state import session
from tests.helpers.browsing import Visit
from tests.helpers.raw_visitor import visiting
from tests.helpers.tiny import write_table

Link = dict[str, str]


@pytest.fixture
def table(tmp_path: Path) -> bytes:
    spec = write_table(tmp_path / "sentences.tsv", 10, 7)
    return Path(spec.removeprefix("table:")).read_bytes()


def test_an_uploaded_table_is_the_table(table: bytes, tmp_path: Path) -> None:
    spec, corpus = uploads.take("../../My table.TSV", table, tmp_path / "uploads")
    (kept,) = (tmp_path / "uploads").glob("*.tsv")
    assert spec == f"upload:{kept.name}"
    assert (corpus.probe is not None, spec in access.titled(spec)) == (
        True,
        True,
    )  # not of this cache: no name is known
    assert kept.read_bytes() == table
    direct = load_corpus(f"table:{tmp_path / 'sentences.tsv'}")
    assert corpus.digest == direct.digest
    again, _ = uploads.take("another name.tsv", table, tmp_path / "uploads")
    assert again == spec
    assert len(list((tmp_path / "uploads").glob("*.tsv"))) == 1


def test_an_upload_is_opened_by_its_name_and_called_as_its_file(
    table: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cache" / "uploads"
    spec, corpus = uploads.take("C:\\mine\\<b>My table.TSV", table, folder)
    assert str(tmp_path) not in spec
    opened = load_corpus(spec)
    assert (opened.spec, opened.digest, opened.title) == (spec, corpus.digest, "<b>My table.TSV")
    assert access.titled(spec) == "<b>My table.TSV"
    assert in_words(Experiment(target="ja", experts=20, corpus=spec)).endswith("corpus <b>My table.TSV")
    older = f"table:{folder / spec.removeprefix('upload:')}"  # as links of earlier versions name it
    assert load_corpus(older).digest == corpus.digest
    assert session.Visitor().permitted(Experiment(corpus=spec)) == (Experiment(corpus=spec), [])
    uploads.take("again.tsv", table, folder)
    assert access.titled(spec) == "again.tsv"
    for wrong in ("upload:../secret", "upload:/etc/passwd", "upload:", "upload:\0", "embedded"):
        assert access.titled(wrong) == wrong
    monkeypatch.setenv(access.PUBLIC, "1")  # there a name that who knows the content can guess opens nothing
    with pytest.raises(AskError, match="no such upload"):
        load_corpus(spec)
    assert session.Visitor().permitted(Experiment(corpus=spec))[1]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("ragged.csv", "en,ja\none,一\ntwo\nthree,三\nfour,四\n".encode(), "line 3"),
        ("empty.csv", b"", "empty"),
        ("latin.csv", "en,fr\nschool,\u00e9cole\nsea,mer\n".encode("latin-1"), "UTF-8"),
        ("notes.txt", b"en\tja\n", "does not end in"),
        ("not.parquet", b"PAR1 no", "Parquet"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(name: str, content: bytes, why: str, tmp_path: Path) -> None:
    with pytest.raises(AskError) as refused:
        uploads.take(name, content, tmp_path / "uploads")
    said = f"{refused.value.what} {refused.value.why} {refused.value.instead}"
    assert why.lower() in said.lower()
    assert name in said  # the visitor's own name for it, never a path of the server
    assert str(tmp_path) not in said
    assert not any((tmp_path / "uploads").glob("*"))


def test_a_table_that_is_too_large_is_refused_with_another_way(tmp_path: Path) -> None:
    with pytest.raises(AskError) as refused:
        uploads.take("large.csv", bytes(uploads.LARGEST + 1), tmp_path / "uploads")
    assert f"{uploads.LARGEST:,}" in refused.value.why
    assert "table:FILE" in refused.value.instead
    assert not (tmp_path / "uploads").exists()


def test_it_stays_chosen_when_it_is_brought_again_under_another_name(
    new_server: str, tiny_link: Link, table: bytes
) -> None:
    with visiting(new_server) as visitor:
        visitor.opens(tiny_link).unfolds()
        assert visitor.uploads("Table", "one.tsv", table) == 204
        visitor.sets("Use these sentences", trigger_value=True)
        used = dict(parse_qsl(visitor.query))["corpus"]
        assert used.startswith("upload:")
        visitor.sets("Sentences", string_value="one.tsv").unfolds()  # a browser says the title from now on
        assert visitor.uploads("Table", "other.tsv", table) == 204
        visitor.unfolds().unfolds()
        assert "other.tsv" in visitor.text
        assert dict(parse_qsl(visitor.query))["corpus"] == used


def test_languages_that_it_lacks_are_no_longer_asked_for(new_server: str, tiny_link: Link, table: bytes) -> None:
    with visiting(new_server) as visitor:
        visitor.opens(tiny_link | {"targets": "es,fa"}).unfolds()
        assert visitor.uploads("Table", "one.tsv", table) == 204
        visitor.sets("Use these sentences", trigger_value=True)
        used = dict(parse_qsl(visitor.query))
        assert used["corpus"].startswith("upload:")
        assert used["targets"] == "es"


def test_families_and_all_stay_targets_where_the_table_has_some_of_them() -> None:
    there = ("de", "en", "es")
    assert uploads.targets_in(("spa", "fa", "romance", "Slavic", "all", "no code"), there) == ("spa", "romance", "all")
    assert uploads.targets_in(("fa",), there) is uploads.targets_in(None, there) is None


def test_a_table_that_could_not_be_read_is_not_taken_for_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError("the disk is full")

    visitor = session.Visitor()
    last = visitor.part(uploads._LastUpload)
    last.id, last.name, last.taken = "1", "one.tsv", uploads._UploadSummary("upload:one", 1, 1, ("en",), ())
    monkeypatch.setattr(session, "visitor", lambda: visitor)
    monkeypatch.setattr(uploads, "take", fails)
    with pytest.raises(OSError, match="the disk is full"):
        uploads._take("2", "other.tsv", b"")
    assert (last.name, last.taken) == ("other.tsv", None)


def test_in_the_browser(visit: Visit, new_server: str, tiny_link: Link, tmp_path: Path, table: bytes) -> None:
    bad, good = tmp_path / "<b>ragged.csv", tmp_path / "good.tsv"
    bad.write_text("en,ja\none,一\ntwo\nthree,三\nfour,四\n", encoding="utf-8")
    good.write_bytes(table)
    visitor = visit(new_server).opens(tiny_link)
    visitor.sees_results()
    figures = visitor.figures()
    visitor.clicks("Your own sentences")
    field = visitor.page.get_by_test_id("stPopoverBody").locator("input[type=file]")
    field.set_input_files(bad)
    alert = visitor.page.get_by_role("alert")
    expect(alert).to_contain_text("<b>ragged.csv")
    expect(alert).to_contain_text("line 3")
    visitor.sees_results()
    assert visitor.figures() == figures  # the rest of the page goes on
    field.set_input_files(good)
    use = visitor.page.get_by_role("button", name="Use these sentences")
    expect(use).to_be_visible()
    visitor.clicks("Your own sentences")
    expect(use).to_have_count(0)
    visitor.clicks("Your own sentences")  # what was taken is offered, also by a field that is empty by now
    expect(visitor.page.get_by_test_id("stPopoverBody")).to_contain_text("good.tsv: 10 rows to find the neurons")
    with visitor.sees_the_link_change():
        visitor.clicks("Use these sentences")
    visitor.sees_results("7 evaluation rows")
    assert visitor.query["corpus"].startswith("upload:")
    visitor.sees("evaluation rows of good.tsv")
    expect(visitor.page.get_by_test_id("stPopoverBody")).to_have_count(0)
    expect(visitor.page.get_by_test_id("stSidebar")).not_to_contain_text("upload:")
