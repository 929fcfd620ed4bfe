"""Files that lie about themselves: tables, weights, tokenizers and packs, made by somebody who knows their formats."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import struct
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.attacks import broken, copied
from core.experiment.settings import Experiment

_ROWS = 24
_BOMB = 1 << 29  # bytes that a small file unpacks to
_ENDLESS = "a regex that never ends"

Named = tuple[str, Experiment]


def crafted(folder: Path, asked: Experiment, count: int) -> Iterator[Named]:
    """Requests that name crafted files, each with what is wrong.

    Parameters
    ----------
    count : int
        Of tokenizers, and of Parquet files, that are broken at a place of chance.
    """
    yield from _tables(folder, asked, count)
    yield from _weights(folder, asked)
    yield from _tokenizers(folder, asked, count)


def _tables(folder: Path, asked: Experiment, count: int) -> Iterator[Named]:
    written = {f"{name}.parquet": content for name, content in _parquet_files(random.Random(2), count)}
    written |= {f"{name}.tsv.gz": content for name, content in _packed_tables()}
    for name, content in written.items():
        (folder / name).write_bytes(content)
        yield name, replace(asked, corpus=f"table:{folder / name}")


def _parquet_files(draw: random.Random, count: int) -> Iterator[tuple[str, bytes]]:
    """Parquet files whose account of themselves is wrong: its length, its counts, or what a bit is."""
    rows = {code: [f"{code} sentence {row}" for row in range(_ROWS)] for code in ("en", "ja")}
    good = _parquet(pa.table(rows))
    footer = struct.unpack("<I", good[-8:-4])[0]
    for length in (0, 1, footer - 1, footer + 1, len(good), 1 << 31, (1 << 32) - 1):
        yield f"a footer of {length} bytes", good[:-8] + struct.pack("<I", length) + good[-4:]
    yield "a footer alone", good[-footer - 8 :]
    yield "no footer", good[: -footer - 8]
    # A count of rows as thrift writes it, so often as it stands there: the same bytes for the values of a column.
    stated = bytes([2 * _ROWS])
    yield "more rows than it has", good[: -footer - 8] + good[-footer - 8 :].replace(stated, b"\x7e")
    yield "fewer rows than it has", good[: -footer - 8] + good[-footer - 8 :].replace(stated, b"\x04")
    often = _BOMB // 4096
    text = pa.DictionaryArray.from_arrays(np.zeros(often, np.int32), pa.array(["x" * 4096]))
    bomb = _parquet(pa.table({"en": text, "ja": pa.nulls(often, pa.string())}))
    yield "one text so often that it fills the memory", bomb
    yield "the same, with a few bytes as it says", _understated(bomb)
    page = _parquet(pa.table({"en": ["x" * (_BOMB // 2 + 1)] * 2, "ja": ["y"] * 2}), use_dictionary=False)
    yield "two texts that fill the memory, of a few bytes as it says", _understated(page)
    yield "deep lists", _parquet(pa.table({"en": pa.array([[[[["x"]]]]] * _ROWS), "ja": ["y"] * _ROWS}))
    for number in range(count):
        at = draw.randrange(4, len(good) - 4)
        spoilt = bytes([good[at] ^ (1 << draw.randrange(8))])
        yield f"bit {number} at {at}", good[:at] + spoilt + good[at + 1 :]


def _parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", **options)
    return sink.getvalue()


def _understated(file: bytes) -> bytes:
    """A file whose footer says of all bytes that there are a hundred."""
    group = pq.ParquetFile(io.BytesIO(file)).metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    start = len(file) - 8 - struct.unpack("<I", file[-8:-4])[0]
    body, footer = file[:start], file[start:]
    for size in {group.total_byte_size, *(column.total_uncompressed_size for column in columns)}:
        said = _varint(2 * size)
        if len(said) > 2:  # as long as before: no place in the file changes
            footer = footer.replace(said, bytes([0xC8, 0x81, *[0x80] * (len(said) - 3), 0]))
    return body + footer


def _varint(number: int) -> bytes:
    """A number as thrift writes it."""
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def _packed_tables() -> Iterator[tuple[str, bytes]]:
    yield "zeros", gzip.compress(bytes(1 << 20)) * (_BOMB >> 20)
    yield "one endless line", gzip.compress(b"en\tja\n" + b"x\t" * (_BOMB >> 5), 1)
    yield "cut", gzip.compress(b"en\tja\none\tichi\n" * 100)[:-9]
    yield "packed twice", gzip.compress(gzip.compress(b"en\tja\none\tichi\n" * 9))


def _weights(folder: Path, asked: Experiment) -> Iterator[Named]:
    """Weights in the safetensors format whose header lies, and indexes that name what is not theirs."""
    good = (Path(asked.model) / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", good[:8])[0]
    header, body = json.loads(good[8 : 8 + length]), good[8 + length :]
    name = next(key for key in header if key != "__metadata__")

    def headed(content: bytes, stated: int | None = None) -> bytes:
        return struct.pack("<Q", len(content) if stated is None else stated) + content + body

    def with_tensor(**changes: Any) -> bytes:
        return headed(json.dumps(header | {name: header[name] | changes}).encode())

    text = json.dumps(header).encode()
    files = {
        **{f"a header of {stated} bytes": headed(text, stated) for stated in (0, 1, len(good), 1 << 40, (1 << 64) - 1)},
        "no header": good[:4],
        "a header that is no JSON": headed(b"{" * len(text)),
        "a deep header": headed(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
        "a header that is no text": headed(b"\xff" * len(text)),
        "offsets beyond the end": with_tensor(data_offsets=[0, 1 << 50]),
        "offsets the wrong way round": with_tensor(data_offsets=[64, 0]),
        "offsets below zero": with_tensor(data_offsets=[-64, 0]),
        "a shape that overflows": with_tensor(shape=[1 << 33, 1 << 33]),
        "a shape below zero": with_tensor(shape=[-1, 4]),
        "another shape": with_tensor(shape=[1]),
        "another type": with_tensor(dtype="F64"),
        "a type that is none": with_tensor(dtype="PICKLE"),
        "a tensor that overlaps all": with_tensor(data_offsets=[0, len(body)]),
        "cut": good[: len(good) // 2],
    }
    for number, (what, content) in enumerate(files.items()):
        model = copied(Path(asked.model), folder / f"weights-{number}")
        (model / "model.safetensors").write_bytes(content)
        yield f"weights: {what}", replace(asked, model=str(model))
    for number, file in enumerate(("../model/model.safetensors", "/etc/passwd", "pytorch_model.bin", "", 3, None)):
        model = copied(Path(asked.model), folder / f"index-{number}")
        (model / "model.safetensors").rename(model / "part.safetensors")
        index = {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(header, file)}
        (model / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
        yield f"an index that names {file!r}", replace(asked, model=str(model))


def _tokenizers(folder: Path, asked: Experiment, count: int) -> Iterator[Named]:
    """Tokenizers that are broken by somebody who knows how they are read, and at places of chance."""
    source = Path(asked.model)
    good = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    endless = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
    split = {"pre_tokenizer": endless}
    nested: dict[str, Any] = {"type": "NFC"}
    for _ in range(200):
        nested = {"type": "Sequence", "normalizers": [nested]}
    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<none>", "type_id": 0}}], "pair": []}
    added = {"content": "x", "single_word": False, "lstrip": False, "rstrip": False, "normalized": True}
    vocabulary = good["model"]["vocab"]
    changes: dict[str, Any] = {
        _ENDLESS: split,
        "a regex that is none": {"pre_tokenizer": endless | {"pattern": {"Regex": "("}}},
        "steps 200 deep": {"normalizer": nested},
        "a replacement of nothing": {"normalizer": {"type": "Replace", "pattern": {"String": ""}, "content": "aa"}},
        "a table that is none": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
        "a template of no token": {"post_processor": template | {"special_tokens": {}}},
        "an id beyond the embedding": {"added_tokens": [added | {"id": 1 << 30, "special": False}]},
        "an id below zero": {"added_tokens": [added | {"id": -1, "special": False}]},
        "no vocabulary": {"model": good["model"] | {"vocab": {}}},
        "one id for all": {"model": good["model"] | {"vocab": dict.fromkeys(vocabulary, 0)}},
        "ids beyond the embedding": {"model": good["model"] | {"vocab": {k: v + 10**6 for k, v in vocabulary.items()}}},
        "merges of nothing": {"model": good["model"] | {"merges": [["", ""]]}},
        "another model": {"model": {"type": "Unigram", "vocab": [["a", float(-1)]], "unk_id": 99}},
        "cut to nothing": {
            "truncation": {"max_length": 0, "strategy": "LongestFirst", "stride": 9, "direction": "Left"}
        },
    }
    contents = {what: json.dumps(good | change).encode() for what, change in changes.items()}
    contents |= {"empty": b"", "cut": json.dumps(good).encode()[:500], "deep": b"[" * 100_000, "no text": b"\xff\xfe"}
    for number, (what, content) in enumerate(contents.items()):
        model = copied(source, folder / f"crafted-tokenizer-{number}")
        (model / "tokenizer.json").write_bytes(content)
        corpus = _many_letters(folder) if what == _ENDLESS else asked.corpus
        yield f"a tokenizer: {what}", replace(asked, model=str(model), corpus=corpus)
    draw = random.Random(3)
    for number in range(count):
        model = copied(source, folder / f"broken-tokenizer-{number}")
        yield f"a tokenizer broken at {broken(model / 'tokenizer.json', draw)}", replace(asked, model=str(model))


def _many_letters(folder: Path) -> str:
    """A corpus on which `_ENDLESS` tries all ways to divide one letter's repetitions."""
    path = folder / "letters.tsv"
    rows = "".join(f"{'a' * 60} {row}!\t{'a' * 50} {row}!\n" for row in range(_ROWS))
    path.write_text(f"en\tja\n{rows}", encoding="utf-8")
    return f"table:{path}"


def archives(packed: bytes, outside: Path) -> Iterator[tuple[str, bytes]]:
    """Packs that would write, run or unpack what they must not.

    Parameters
    ----------
    packed : bytes
        A pack that is good.
    outside : Path
        A file that must not come to be.
    """
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    array = next(name for name in files if name.endswith(".npy"))
    yield "a path out", _archive(files | {f"../../{outside.name}": b"x"})
    yield "a path from the root", _archive(files | {str(outside): b"x"})
    yield "a path out in a known folder", _archive(files | {f"arrays/../../../{outside.name}": b"x"})
    yield "a drive", _archive(files | {f"C:\\{outside.name}": b"x"})
    link = zipfile.ZipInfo("arrays/" + "0" * 64 + ".npy")
    link.external_attr = 0o120777 << 16
    yield "a symbolic link", _archive(files, {link: b"/etc/passwd"})
    yield "a name twice", _archive(files, {zipfile.ZipInfo("manifest.json"): b"{}"})
    yield "zeros", _archive(files, zeros=array)
    yield "a manifest of zeros", _archive(files, zeros="manifest.json")
    yield "deep answers", _archive(files | {"answers.json": b"[" * 200_000})
    yield "an array that is a pickle", _listed(files, array, _pickle())
    yield "an array of more numbers than it has", _listed(files, array, _npy("(1000000000000,)"))
    yield "an array whose header is a program", _listed(files, array, _npy(f"open({str(outside)!r}, 'w')"))
    yield "compressed in another way", _archive(files, how=zipfile.ZIP_LZMA)
    yield "half", packed[: len(packed) // 2]
    # What its list says of the bytes of an entry, where it lies in the last part of the archive.
    size = len(files["answers.json"]).to_bytes(4, "little")
    yield "sizes that lie", packed.replace(size, (16).to_bytes(4, "little"))
    entry = b"PK\x01\x02\x14\x03\x14\x00"
    yield "an entry that says it is encrypted", packed.replace(entry + b"\0", entry + b"\1")


def _archive(
    files: dict[str, bytes],
    more: dict[zipfile.ZipInfo, bytes] | None = None,
    how: int = zipfile.ZIP_DEFLATED,
    zeros: str = "",
) -> bytes:
    """An archive of some files, and entries of whatever kind; one of them may be all zeros."""
    sink = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(sink, "w", how) as archive:
        warnings.simplefilter("ignore")  # of a name twice
        for name, content in files.items():
            with archive.open(name, "w") as file:
                for block in [bytes(1 << 20)] * (_BOMB >> 20) if name == zeros else [content]:
                    file.write(block)
        for entry, content in (more or {}).items():
            archive.writestr(entry, content, how)
    return sink.getvalue()


def _listed(files: dict[str, bytes], name: str, content: bytes) -> bytes:
    """A pack with another file in the place of one, as its manifest says."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return _archive(files | {name: content, "manifest.json": json.dumps(manifest).encode()})


def _pickle() -> bytes:
    sink = io.BytesIO()
    np.save(sink, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return sink.getvalue()


def _npy(shape: str) -> bytes:
    """A file of an array with something in the place of its shape."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64)
