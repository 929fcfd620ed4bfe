"""The file that a pack is: a zip archive with checksums, which is never unpacked to disk.

``manifest.json`` says what computed the results and what packed them, when, licences, and bytes and sha256 of every
other file: ``answers.json``, which has the settings and the answers about each as `core.packs.plain_data` writes them,
arrays as ``arrays/SHA256.npy``, and tables as ``tables/SHA256.parquet``.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import PackError
from core.store.disk import write_whole

FORMAT, VERSION = "language-neurons-pack", 2
"""What a manifest says it is of. The version is raised when an older program could not read what is written."""

WITH_RESULTS = 1
"""The version of packs that have the result of every setting, which older programs read too."""

ANSWERS = "answers.json"
_MANIFEST = "manifest.json"
_NAME = re.compile(r"answers\.json|arrays/[0-9a-f]{64}\.npy|tables/[0-9a-f]{64}\.parquet")
_LARGEST_FILE, _LARGEST, _MOST_FILES = 1 << 28, 1 << 29, 100_000  # bytes packed, bytes unpacked, files
_LARGEST_JSON = 1 << 27  # bytes; as Python's objects it takes some ten times as much
_AGAIN = "Get the pack again from where it came from."


def write(path: Path, manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> int:
    """Write a pack whole or not at all; gives its bytes. Raises `PackError` where it would be too large to be read.

    It is of the version `WITH_RESULTS` unless the manifest has another. Equal contents give equal bytes with one
    version of the compressor: no time of a file is kept.
    """
    listed = {name: _entry(content) for name, content in sorted(files.items())}
    stated = {"format": FORMAT, "version": WITH_RESULTS, **manifest, "files": listed}
    text = json.dumps(stated, indent=1, ensure_ascii=False, allow_nan=False).encode()
    if max(len(text), len(files[ANSWERS])) > _LARGEST_JSON:
        why = f"a list of its contents has more than the {_LARGEST_JSON:,} bytes that are read"
        raise PackError(f"write the pack {path}", why, "Pack fewer settings or parts together.")
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in ((_MANIFEST, text), *sorted(files.items())):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 9)
    write_whole(path, sink.getvalue())
    return len(sink.getvalue())


class Container:
    """A pack's files, each verified when it is read.

    Parameters
    ----------
    content : bytes
        The pack.
    name : str
        What to call it in an error.

    Attributes
    ----------
    manifest : dict
    digest : str
        SHA-256 of the pack.

    Raises
    ------
    PackError
        If it is no pack, damaged, larger than is read, or made by a newer version. A file's own checksum is compared
        when the file is read; `verify` reads all.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self.name, self.digest = name, hashlib.sha256(content).hexdigest()
        if len(content) > _LARGEST_FILE:
            raise self.refusal(f"it has {len(content):,} bytes, more than the {_LARGEST_FILE:,} that are read", _AGAIN)
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content))
            self._entries = self._checked_entries()
            manifest = json.loads(self._unpacked(_MANIFEST))
        except PackError:
            raise
        except (*_BROKEN, KeyError) as error:
            why = f"it is no pack, or is damaged ({error})"
            raise self.refusal(why, "Name a file that python -m core pack wrote.") from error
        self.manifest = self._checked_manifest(manifest)

    def refusal(self, why: str, instead: str) -> PackError:
        """The error that says why this pack is not used."""
        return PackError(f"open the pack {self.name}", why, instead)

    def read(self, name: str) -> bytes:
        """Give a file's bytes.

        Raises
        ------
        KeyError
            If the pack has no such file.
        PackError
            If it is not what the manifest says.
        """
        stated = self.manifest["files"][name]
        try:
            content = self._unpacked(name)
        except _BROKEN as error:
            raise self.refusal(f"it is damaged: {name} cannot be read ({error})", _AGAIN) from error
        if _entry(content) != stated:
            raise self.refusal(f"it is damaged: {name} is not what its manifest says", _AGAIN)
        return content

    def verify(self) -> None:
        """Read every file; raises as `read`."""
        for name in self.manifest["files"]:
            self.read(name)

    def _unpacked(self, name: str) -> bytes:
        entry = self._entries[name]
        with self._archive.open(entry) as file:
            # With a length: without one, `zipfile` unpacks all there is and cuts it afterwards.
            return file.read(entry.file_size)

    def _checked_entries(self) -> dict[str, zipfile.ZipInfo]:
        """The archive's entries by name; only names that a pack has, each once, and no more bytes than are read."""
        entries = self._archive.infolist()
        names = {entry.filename: entry for entry in entries}
        # What entries state, before anything is unpacked; `_unpacked` unpacks no more than that.
        if len(entries) > _MOST_FILES or sum(entry.file_size for entry in entries) > _LARGEST:
            raise self.refusal(f"it unpacks to more than the {_LARGEST:,} bytes that are read", _AGAIN)
        if any(entry.file_size > _LARGEST_JSON for entry in entries if entry.filename.endswith(".json")):
            raise self.refusal(
                f"a list of its contents has more than the {_LARGEST_JSON:,} bytes that are read", _AGAIN
            )
        if strange := [name for name in names if name != _MANIFEST and not _NAME.fullmatch(name)]:
            raise self.refusal(f"it holds {strange[0]!r:.80}, which no pack does", _AGAIN)
        if len(names) < len(entries):
            raise self.refusal("it holds a name twice", _AGAIN)
        if any(entry.compress_type not in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED) for entry in entries):
            raise self.refusal("it is compressed in a way that no pack is", _AGAIN)
        return names

    def _checked_manifest(self, manifest: Any) -> dict[str, Any]:
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise self.refusal("it is an archive of something else", "Name a file that python -m core pack wrote.")
        if manifest.get("version") not in (WITH_RESULTS, VERSION):
            given = manifest.get("version")
            why = f"it is of version {given!r:.20} of the format, and this program reads 1 to {VERSION}"
            raise self.refusal(why, "Install a newer version of this program.")
        files = manifest.get("files")
        if not isinstance(files, dict) or set(files) != set(self._entries) - {_MANIFEST} or ANSWERS not in files:
            raise self.refusal("it is damaged: its manifest lists other files than it holds", _AGAIN)
        return manifest


_BROKEN = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, NotImplementedError, RuntimeError)
# RuntimeError includes RecursionError, and what `zipfile` says of an encrypted entry.


def _entry(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
