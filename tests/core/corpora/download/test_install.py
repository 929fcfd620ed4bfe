"""A data set is put into a folder whole, with a record of where it came from, or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from core.cli import data
from core.cli.main import main
from core.corpora.download.catalogue import Dataset, catalogue
from core.corpora.download.install import RECORD, install, part_of, unpack
from core.corpora.download.remote import RemoteFile
from core.corpora.load import load_corpus
from core.corpora.pawsx import load_pawsx
from core.errors import DataError
from tests.helpers.corpora import ENGLISH, SPANISH, lines
from tests.helpers.file_server import PublishedFile, Site, serving

PAWSX = lines("id\tsentence1\tsentence2\tlabel", "1\tUna casa.\tCasa.\t1", "2\tDos casas.\tCasas, dos.\t1").encode()


def packed(files: dict[str, bytes], *members: tarfile.TarInfo) -> bytes:
    """A tar.gz of files, and of members without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in members:
            tar.addfile(member)
    return buffer.getvalue()


def link(name: str, to: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, to
    return member


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as found:
        found.files["x-final.tar.gz"] = PublishedFile(
            packed({"x-final/es/test_2k.tsv": PAWSX, "x-final/README": b"about"})
        )
        for side, sentences in (("spa", SPANISH), ("eng", ENGLISH)):
            found.files[f"tatoeba.spa-eng.{side}"] = PublishedFile(lines(*sentences).encode())
            found.files[f"tatoeba.deu-eng.{'deu' if side == 'spa' else side}"] = PublishedFile(
                lines(*sentences).encode()
            )
        yield found


@pytest.fixture
def archive(site: Site) -> Dataset:
    """One archive, whose checksum is known."""
    content = site.files["x-final.tar.gz"].content
    file = RemoteFile(site.url("x-final.tar.gz"), "x-final.tar.gz", len(content), hashlib.sha256(content).hexdigest())
    return replace(catalogue()["pawsx"], files=(("", (file,)),))


@pytest.fixture
def pairs(site: Site) -> Dataset:
    """Files as they are, by language, whose checksums are not known."""
    files = tuple(
        (
            short,
            tuple(
                RemoteFile(site.url(name), name) for name in (f"tatoeba.{code}-eng.{code}", f"tatoeba.{code}-eng.eng")
            ),
        )
        for short, code in (("de", "deu"), ("es", "spa"))
    )
    return replace(catalogue()["tatoeba"], files=files)


def refused(dataset: Dataset, folder: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        install(dataset, folder)
    assert caught.value.why
    assert caught.value.instead
    return caught.value


def contents(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_an_archive_is_unpacked_and_read_by_its_loader(archive, tmp_path):
    folder = tmp_path / "new" / "pawsx"
    record = install(archive, folder)
    assert load_pawsx(folder, "es").first == ("Una casa.", "Dos casas.")
    assert contents(tmp_path / "new") == [
        "pawsx",
        "pawsx/SOURCE.json",
        "pawsx/x-final",
        "pawsx/x-final/README",
        "pawsx/x-final/es",
        "pawsx/x-final/es/test_2k.tsv",
    ]
    assert json.loads((folder / RECORD).read_text(encoding="utf-8")) == record
    (file,) = record["files"]
    assert (file["url"], file["sha256"]) == (archive.remotes[0].url, archive.remotes[0].sha256)
    assert file["known_beforehand"] is True
    assert record["licence"] == archive.licence


def test_files_are_taken_as_they_are_and_read_by_their_loader(pairs, tmp_path):
    record = install(pairs, tmp_path / "tatoeba")
    corpus = load_corpus(f"tatoeba:{tmp_path / 'tatoeba'}")
    assert corpus.languages == ("en", "de", "es")
    assert corpus.evaluation[1].texts == {"en": tuple(ENGLISH), "es": tuple(SPANISH)}
    assert [file["known_beforehand"] for file in record["files"]] == [False] * 4
    expected = hashlib.sha256(lines(*SPANISH).encode()).hexdigest()
    assert next(f["sha256"] for f in record["files"] if f["name"] == "tatoeba.spa-eng.spa") == expected


def test_files_lie_where_their_data_set_has_them_and_what_all_share_comes_along(site, tmp_path):
    shared = RemoteFile(site.url("tatoeba.deu-eng.eng"), "documents.tsv")
    spanish = RemoteFile(site.url("tatoeba.spa-eng.spa"), "spa.txt", place="spa_Latn/train.tsv")
    german = RemoteFile(site.url("tatoeba.deu-eng.deu"), "deu.txt", place="deu_Latn/train.tsv")
    files = (("", (shared,)), ("es", (spanish,)), ("de", (german,)))
    install(replace(catalogue()["sib200"], files=files).of(("es",)), tmp_path / "set")
    assert contents(tmp_path / "set") == ["SOURCE.json", "documents.tsv", "spa_Latn", "spa_Latn/train.tsv"]


def test_the_catalogue_has_every_language_of_the_published_sets():
    counts = {name: len(dataset.languages) for name, dataset in catalogue().items() if dataset.languages}
    assert counts == {"ntrex": 127, "sib200": 205, "tatoeba": 112, "bucc2018": 4}  # NTREX: and English, the source
    assert all(remote.sha256 for dataset in catalogue().values() for remote in dataset.remotes)


def test_some_languages_alone(pairs, site, tmp_path):
    install(pairs.of(("spa_Latn",)), tmp_path / "tatoeba")
    assert load_corpus(f"tatoeba:{tmp_path / 'tatoeba'}").languages == ("en", "es")
    assert [name for name, _ in site.requests] == ["tatoeba.spa-eng.spa", "tatoeba.spa-eng.eng"]
    assert pairs.of(("en", "es")) == pairs.of(("es",))  # which English comes with
    with pytest.raises(DataError, match=r"in eng: English comes with every language\. Choose from: de, es\."):
        pairs.of(("eng",))
    alone = catalogue()["sib200"].of(("de", "en"))  # where it is a language as any other
    assert set(alone.languages) == {"de", "en"}
    with pytest.raises(DataError, match=r"there is none in fr.* Choose from: de, es"):
        pairs.of(("es", "fr"))
    with pytest.raises(DataError, match="one archive"):
        catalogue()["pawsx"].of(("es",))


def test_what_is_there_is_not_downloaded_again(pairs, site, tmp_path):
    first = install(pairs, tmp_path / "tatoeba")
    asked = len(site.requests)
    assert install(pairs, tmp_path / "tatoeba") == first
    assert install(pairs.of(("es",)), tmp_path / "tatoeba") == first
    assert len(site.requests) == asked


def test_an_empty_folder_may_be_there(archive, tmp_path):
    (tmp_path / "pawsx").mkdir()
    install(archive, tmp_path / "pawsx")
    assert load_pawsx(tmp_path / "pawsx", "es").language == "es"


def test_a_broken_off_data_set_goes_on_and_is_not_there_meanwhile(pairs, site, tmp_path):
    site.files["tatoeba.spa-eng.spa"].breaks_after = 10
    assert "broke off after 10" in refused(pairs, tmp_path / "tatoeba").why
    assert not (tmp_path / "tatoeba").exists()
    site.files["tatoeba.spa-eng.spa"].breaks_after = None
    asked = len(site.requests)
    install(pairs, tmp_path / "tatoeba")
    assert [(name, headers.get("Range")) for name, headers in site.requests[asked:]] == [
        ("tatoeba.spa-eng.spa", "bytes=10-"),
        ("tatoeba.spa-eng.eng", None),
    ]
    assert load_corpus(f"tatoeba:{tmp_path / 'tatoeba'}").languages == ("en", "de", "es")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tatoeba"]


def test_a_wrong_checksum_leaves_no_data_set(archive, site, tmp_path):
    site.files["x-final.tar.gz"].content = packed({"x-final/es/test_2k.tsv": b"another"})
    assert "sha256" in refused(archive, tmp_path / "pawsx").why
    assert not (tmp_path / "pawsx").exists()


@pytest.mark.parametrize(
    "content",
    [
        packed({"../outside.txt": b"x"}),
        packed({"fine.txt": b"x", "a/../../outside.txt": b"x"}),
        packed({}, link("way", "../..")),
        packed({}, link("way", "/etc")),
    ],
    ids=["up", "up from within", "link up", "link to a place"],
)
def test_an_archive_that_leads_out_of_the_folder_is_refused(content, archive, site, tmp_path):
    site.files["x-final.tar.gz"].content = content
    unchecked = replace(archive, files=(("", (replace(archive.remotes[0], sha256=None, size=None),)),))
    error = refused(unchecked, tmp_path / "in" / "pawsx")
    assert "leads out of the folder" in error.why
    assert contents(tmp_path) == [
        "in",
        "in/.pawsx.part",
        "in/.pawsx.part/lock",
        "in/.pawsx.part/x-final.tar.gz.wrong",
    ]


@pytest.mark.parametrize("kind", ["cut", "no archive", "empty"])
def test_a_damaged_archive_is_refused_and_asked_for_anew(kind, archive, site, tmp_path):
    whole = site.files["x-final.tar.gz"].content
    damaged = {"cut": whole[: len(whole) // 2], "no archive": b"<html>", "empty": b""}
    site.files["x-final.tar.gz"].content = damaged[kind]
    unchecked = replace(archive, files=(("", (replace(archive.remotes[0], sha256=None, size=None),)),))
    assert "damaged" in refused(unchecked, tmp_path / "pawsx").why
    assert not (tmp_path / "pawsx").exists()
    site.files["x-final.tar.gz"].content = whole
    install(unchecked, tmp_path / "pawsx")
    assert load_pawsx(tmp_path / "pawsx", "es").language == "es"


def test_damaged_compression_is_no_trouble_of_the_file_system(tmp_path):
    (tmp_path / "a.tar.bz2").write_bytes(b"BZh91AY&SY" + bytes(100))
    with pytest.raises(DataError, match="damaged"):
        unpack(tmp_path / "a.tar.bz2", tmp_path / "out")


@pytest.mark.parametrize("there", ["my.txt", RECORD, "file", "another"])
def test_a_folder_with_other_things_is_refused_before_anything_is_asked_for(there, archive, pairs, site, tmp_path):
    folder = tmp_path / "data"
    if there == "file":
        folder.write_text("x", encoding="utf-8")
    elif there == "another":
        install(pairs, folder)
    else:
        folder.mkdir()
        (folder / there).write_text("{}", encoding="utf-8")
    asked = len(site.requests)
    before = contents(tmp_path)
    error = refused(archive, folder)
    assert str(folder) in error.what
    assert "empty" in error.instead
    assert len(site.requests) == asked
    assert contents(tmp_path) == before


def test_two_at_once_are_refused(archive, site, tmp_path):
    part = part_of(tmp_path / "pawsx")
    part.mkdir()
    with FileLock(part / "lock"):
        assert "somebody else" in refused(archive, tmp_path / "pawsx").why
    assert site.requests == []


def test_a_disk_that_is_too_small_is_known_beforehand(archive, site, tmp_path):
    huge = replace(archive, files=(("", (replace(archive.remotes[0], size=10**18),)),))
    assert "1,000,000,000,000,000,000 bytes" in refused(huge, tmp_path / "pawsx").why
    assert site.requests == []
    assert contents(tmp_path) == []


def test_a_place_that_cannot_be_written_to_is_refused(archive, tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert "Not a directory" in refused(archive, tmp_path / "file" / "pawsx").why
    part_of(tmp_path / "pawsx").write_text("x", encoding="utf-8")
    assert "cannot be made" in refused(archive, tmp_path / "pawsx").why


# The command


def test_the_catalogue_says_of_each_where_it_is_and_under_what_terms(capsys):
    assert main(["data"]) == 0
    said = capsys.readouterr().out
    assert list(catalogue()) == ["flores200", "ntrex", "sib200", "tatoeba", "bucc2018", "pawsx"]
    for dataset in catalogue().values():
        for words in (dataset.name, dataset.licence, dataset.page, dataset.remotes[0].url):
            assert words in said
        names = [remote.name for remote in dataset.remotes]
        assert len(set(names)) == len(names)
        for remote in dataset.remotes:
            assert re.fullmatch(r"https://[\w./-]+", remote.url)
            assert remote.url.endswith(f"/{remote.place or remote.name}")
            assert (remote.sha256 is None) == (remote.size is None)
            assert remote.sha256 is None or re.fullmatch("[0-9a-f]{64}", remote.sha256)
    assert "sha256 known of all 224 files" in said


def test_get_downloads_and_says_what_is_not_known(pairs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(data, "catalogue", lambda: {"tatoeba": pairs})
    folder = tmp_path / "tatoeba"
    assert main(["data", "get", "tatoeba", "--to", str(folder), "--only", "es"]) == 0
    said = capsys.readouterr().out
    expected = hashlib.sha256(lines(*SPANISH).encode()).hexdigest()
    assert f"not known beforehand, recorded in SOURCE.json: sha256 {expected} tatoeba.spa-eng.spa" in said
    assert f"--corpus tatoeba:{folder}" in said
    assert load_corpus(f"tatoeba:{folder}").languages == ("en", "es")


def test_get_says_how_else_to_have_what_is_gone(archive, site, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(data, "catalogue", lambda: {"pawsx": archive})
    site.files.clear()
    assert main(["data", "get", "pawsx", "--to", str(tmp_path / "pawsx")]) == 2
    said = capsys.readouterr().err
    assert "answers 404" in said
    assert archive.otherwise in said
    assert contents(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["wiki", "--to", "x"], "Choose from: flores200, ntrex, sib200, tatoeba, bucc2018, pawsx"),
        (["tatoeba", "--to", "x", "--only", "yo"], "there is none in yo"),
        (["pawsx", "--to", "x", "--only", "es"], "one archive"),
        (["tatoeba", "--to", "x", "--only", ","], "in no language"),
        (["ntrex", "--to", "x", "--only", "en"], "English comes with every language"),
        (["tatoeba", "--to", "x", "--only", "klingon!"], "klingon!"),
    ],
)
def test_get_refuses_what_there_is_not(arguments, expected, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "get", *arguments]) == 2
    assert expected in capsys.readouterr().err
    assert contents(tmp_path) == []
