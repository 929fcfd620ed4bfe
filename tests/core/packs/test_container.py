"""A file that is no pack, damaged, newer, or made to do harm is refused in words, before it is used."""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import PackError
from core.packs import container, plain_data
from core.packs.container import Container
from core.packs.plain_data import NotPlainError, Reader, Writer

FILES = {"answers.json": b"[]", f"arrays/{'0' * 64}.npy": b"numbers " * 1000}


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    """A pack."""
    container.write(tmp_path / "a.pack", {"made": {}}, FILES)
    return (tmp_path / "a.pack").read_bytes()


def again(content: bytes, change: Callable[[dict[str, bytes]], None], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The archive with its entries changed."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as archive:
        for name, entry in entries.items():
            archive.writestr(name, entry)
    return sink.getvalue()


def manifest(**changes: object) -> Callable[[dict[str, bytes]], None]:
    def change(entries: dict[str, bytes]) -> None:
        entries["manifest.json"] = json.dumps({**json.loads(entries["manifest.json"]), **changes}).encode()

    return change


def refused(content: bytes, *words: str) -> None:
    with pytest.raises(PackError) as refusal:
        Container(content, "a.pack").verify()
    assert refusal.value.what == "open the pack a.pack"
    assert all(word in refusal.value.why for word in words), refusal.value.why
    assert refusal.value.instead


def test_a_pack_gives_back_its_files(content: bytes) -> None:
    opened = Container(content, "a.pack")
    opened.verify()
    assert {name: opened.read(name) for name in FILES} == FILES


@pytest.mark.parametrize("foreign", [b"", b"text", b"PK\x03\x04", b"\x80\x04\x95pickle", bytes(100_000)])
def test_what_is_no_pack_is_refused(foreign: bytes) -> None:
    refused(foreign, "no pack")


def test_a_foreign_archive_is_refused(content: bytes) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("manifest.json", "{}")
    refused(sink.getvalue(), "something else")
    refused(again(content, manifest(format="other")), "something else")


def test_a_newer_pack_is_refused(content: bytes) -> None:
    with pytest.raises(PackError, match="newer version of this program"):
        Container(again(content, manifest(version=container.VERSION + 1)), "a.pack")


@pytest.mark.parametrize("name", ["../evil.py", "/etc/passwd", "arrays/../../x.npy", "C:\\x", "evil.pkl", "arrays/a"])
def test_a_name_that_no_pack_has_is_refused(content: bytes, name: str) -> None:
    refused(again(content, lambda entries: entries.update({name: b"x"})), "which no pack does")


def test_a_changed_byte_is_found_wherever_it_is(content: bytes) -> None:
    for place in range(0, len(content), max(len(content) // 40, 1)):
        changed = bytearray(content)
        changed[place] ^= 0x55
        try:
            opened = Container(bytes(changed), "a.pack")
            opened.verify()
        except PackError:
            continue
        # Of a zip archive's own fields (times, attributes) no content depends.
        assert {name: opened.read(name) for name in FILES} == FILES
    for length in (1, len(content) // 2, len(content) - 1):
        refused(content[:length])


def test_a_file_with_another_content_is_refused(content: bytes) -> None:
    name = next(name for name in FILES if name.startswith("arrays"))
    refused(again(content, lambda entries: entries.update({name: b"others"})), "not what its manifest says")
    refused(again(content, lambda entries: entries.pop(name)), "lists other files")


def test_an_archive_that_unpacks_to_too_much_is_refused(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "_LARGEST", 1 << 16)
    bomb = again(content, lambda entries: entries.update({f"arrays/{'1' * 64}.npy": bytes(1 << 20)}))
    assert len(bomb) < 1 << 13
    refused(bomb, "unpacks to more")


def test_an_entry_that_lies_about_its_size_is_not_unpacked_beyond_it(content: bytes) -> None:
    name = next(name for name in FILES if name.startswith("arrays"))
    lying = again(content, lambda entries: entries.update({name: bytes(1 << 24)}))
    true, false = (1 << 24).to_bytes(4, "little"), (100).to_bytes(4, "little")
    refused(lying.replace(true, false), "damaged")


def test_another_compression_is_refused(content: bytes) -> None:
    refused(again(content, lambda _: None, zipfile.ZIP_LZMA), "compressed")


def test_an_array_is_read_only_if_it_is_what_its_header_says() -> None:
    writer = Writer()
    reference = writer.write(np.arange(6.0).reshape(2, 3))
    (name,) = writer.files
    good = writer.files[name]
    np.testing.assert_array_equal(Reader(writer.files.__getitem__).read(reference), np.arange(6.0).reshape(2, 3))
    pickled = io.BytesIO()
    np.save(pickled, np.array([print], dtype=object), allow_pickle=True)
    for bad in (good.replace(b"(2, 3)", b"(9, 9)"), good[:-1], b"", pickled.getvalue()):
        with pytest.raises(NotPlainError):
            Reader({name: bad}.__getitem__).read(reference)


@pytest.mark.parametrize(
    "value",
    [
        {"is": "Popen", "with": {}},
        {"is": "Experiment", "with": {"target": 3}},
        {"is": "Experiment", "with": {"newer": 1}},
        {"is": "Site", "with": {}},
        {"array": "no such"},
        {"unknown": 1},
        {"rival": "none"},
        {"map": [1]},
        {},
    ],
)
def test_data_of_another_kind_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(NotPlainError):
        Reader({}.__getitem__).read(value)


def test_a_table_is_read_once_and_all_of_a_pack_within_one_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    writer, asked = Writer(), Counter[str]()
    one, other = (writer.write(pd.DataFrame({"a": np.arange(1000.0) + shift})) for shift in (0, 1))

    def file(name: str) -> bytes:
        asked[name] += 1
        return writer.files[name]

    monkeypatch.setattr(plain_data, "_MOST_OF_PACK", 12_000)  # bytes; each has 8,000
    reader = Reader(file)
    frames = reader.read([one] * 5)
    frames[0]["b"] = 1
    assert [list(frame) for frame in frames] == [["a", "b"]] + [["a"]] * 4
    assert list(asked.values()) == [1]
    with pytest.raises(NotPlainError, match="unpacks to"):
        reader.read(other)


def test_a_list_of_contents_that_would_fill_the_memory_is_refused(
    content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(container, "_LARGEST_JSON", 1 << 16)
    bomb = again(content, lambda entries: entries.update({"answers.json": b"[]," * (1 << 16)}))
    refused(bomb, "a list of its contents has more than")
    with pytest.raises(PackError, match="Pack fewer settings"):
        container.write(tmp_path / "a.pack", {}, {"answers.json": bytes(1 << 17)})
