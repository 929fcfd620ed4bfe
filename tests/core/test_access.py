"""What a public server lets be named, and what it says: no path, and nothing that is not listed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from core import access
from core.access import Access, without_folder
from core.corpora.load import load_corpus
from core.corpora.user_tables import keep_table
from core.errors import AskError, CorpusError, ModelError, SettingError
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from tests.helpers.tiny import save_tiny, write_table

Refusal = TypeVar("Refusal", bound=AskError)


def refused(kind: type[Refusal], work: Callable[[], object]) -> Refusal:
    """The error that ``work`` ends in; none of its three parts is empty."""
    with pytest.raises(kind) as caught:
        work()
    assert caught.value.what
    assert caught.value.why
    assert caught.value.instead
    return caught.value


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A public server's folder, with a model and a corpus that are listed, and a table that is not."""
    place = tmp_path / "srv secret"
    place.mkdir()
    model = save_tiny(place / "model", "llama")
    listed, _ = write_table(place / "listed.tsv"), write_table(place / "private.tsv")
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(place / "cache"))
    monkeypatch.setenv(access.PUBLIC, "1")
    monkeypatch.setenv(access.MODELS, f"Small={model}\nbigscience/bloom-560m@main")
    monkeypatch.setenv(access.CORPORA, f"Greetings={listed}")
    return place


def test_without_public_everything_stands_for_itself(tmp_path: Path) -> None:
    assert Access().model("/any/where", "main") == ("/any/where", "main")
    assert Access().corpus("table:/any/where") == "table:/any/where"
    assert Access().words("see /any/where") == "see /any/where"
    assert load_corpus(write_table(tmp_path / "own.tsv")).spec == f"table:{tmp_path / 'own.tsv'}"


def test_what_is_listed_is_used_under_its_name_alone(public: Path) -> None:
    corpus = load_corpus("Greetings")
    assert (corpus.spec, corpus.title, corpus.source) == ("Greetings", "Greetings", "this server")
    resolved = resolve(ModelSpec("Small"))
    assert resolved.name == "Small"
    assert Path(resolved.location) == public / "model"
    assert access.current().model("bigscience/bloom-560m", None) == ("bigscience/bloom-560m", "main")
    assert load_corpus("embedded").kind == "embedded"


@pytest.mark.parametrize(
    "spec",
    [
        *("table:{0}/private.tsv", "table:{0}/listed.tsv", "flores:{0}", "table:/etc/passwd", "upload:../private.tsv"),
        *("upload:/etc/passwd", "upload:", "upload:0123456789abcdef0123456789abcdef.tsv", "Greetings/../private.tsv"),
        *(" upload:x", "greetings", "table:\0", ""),
    ],
)
def test_a_corpus_that_is_not_listed_is_refused_before_the_disk_is_looked_at(public: Path, spec: str) -> None:
    refusal = refused(CorpusError, lambda: load_corpus(spec.format(public)))
    uploaded = spec.startswith("upload:")
    assert ("no such upload" in refusal.why, "only listed corpora" in refusal.why) == (uploaded, not uploaded)
    assert str(public) not in access.words(f"{refusal.why} {refusal.instead}")


@pytest.mark.parametrize("name", ["{0}/model", "/etc", "~", "../model", "bigscience/bloom-7b1", "Small/", ""])
def test_a_model_that_is_not_listed_is_refused(public: Path, name: str) -> None:
    refusal = refused(ModelError, lambda: resolve(ModelSpec(name.format(public))))
    assert "only listed models" in refusal.why
    assert "Small" in refusal.instead


def test_a_listed_model_is_offered_at_one_revision(public: Path) -> None:
    assert "one revision" in refused(ModelError, lambda: resolve(ModelSpec("Small", "other"))).why
    assert public.is_dir()


def test_what_is_wrong_with_something_listed_is_for_the_log(public: Path, caplog: pytest.LogCaptureFixture) -> None:
    (public / "listed.tsv").write_text("en\tes\nsecret words\n", encoding="utf-8")
    refusal = refused(CorpusError, lambda: load_corpus("Greetings"))
    assert "secret" not in str(refusal)
    assert "line 2" in caplog.text


def test_an_upload_has_a_name_that_who_knows_the_content_cannot_guess(public: Path) -> None:
    content = (public / "listed.tsv").read_bytes()
    folder = public / "cache" / "uploads"
    mine, theirs = (keep_table(content, ".tsv", folder, "my.tsv", owner) for owner in ("me", "them"))
    assert mine.spec.startswith(access.UPLOAD)
    assert mine.spec != theirs.spec
    assert load_corpus(mine.spec).digest == mine.digest
    assert keep_table(content, ".tsv", folder, "my.tsv", "me").spec == mine.spec


def test_words_for_visitors_have_no_path(public: Path) -> None:
    text = f"storing x in {public}/cache: see '/etc/shadow', ~/x, C:\\x\\y and https://huggingface.co/a/b and/or c"
    assert access.words(text) == "storing x in …: see '…', …, … and https://huggingface.co/a/b and/or c"


def test_reports_are_named_below_the_roots_and_no_link_leads_out(tmp_path: Path) -> None:
    for name in ("roots/a", "roots/deep/b", "outside"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "report.json").write_text("{}", encoding="utf-8")
    (tmp_path / "roots" / "link").symlink_to(tmp_path / "outside")
    allowed = Access(True, roots=(tmp_path / "roots",))
    assert allowed.offered_reports() == ("a", "deep/b")
    assert allowed.report("deep/b") == tmp_path / "roots" / "deep" / "b"
    for name in ("link", "../outside", "a/../../outside", str(tmp_path / "outside"), "", ".", "a/"):
        refused(SettingError, lambda name=name: allowed.report(name))


@pytest.mark.parametrize("entry", ["/srv/model", "flores:/srv/flores", "=x", "Name=", "../x", "table:x"])
def test_an_entry_that_would_show_a_path_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    monkeypatch.setenv(access.PUBLIC, "1")
    monkeypatch.setenv(access.CORPORA, entry)
    assert "NAME=" in refused(SettingError, access.current).instead


def test_lists_without_public_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(access.PUBLIC, raising=False)
    with pytest.raises(AskError, match="--public"):
        access.allow(False, ["Small=/srv/small"], [], [])
    assert access.PUBLIC not in os.environ


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        ("table:/a/b.tsv", "table:b.tsv"),
        ("flores:~/flores200/", "flores:flores200"),
        ("/srv/models/x/", "x"),
        ("bigscience/bloom-560m", "bigscience/bloom-560m"),
        ("embedded:e5", "embedded:e5"),
        ("table:C:\\a\\b.csv", "table:b.csv"),
    ],
)
def test_of_a_path_only_the_last_part_is_passed_on(spec: str, shown: str) -> None:
    assert without_folder(spec) == shown
