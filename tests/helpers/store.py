"""What the tests of the store share: a sample to store, files to build, damage to do, and other processes."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd

from core.store.artefact import Artefact, Payload
from core.store.files import MANIFEST
from core.store.store import Store

REPOSITORY = Path(__file__).parents[2]
SPEC = {"model": "tiny", "seed": 7, "layers": [0, 1], "strength": 0.5}


def sample() -> Payload:
    """Give a small payload with every kind of content."""
    return Payload(
        arrays={"scores": np.arange(12, dtype=np.float32).reshape(3, 4), "kept": np.array([True, False])},
        tables={"languages": pd.DataFrame({"language": ["de", "日本語"], "n": [3, 4]})},
        facts={"n": 12, "interval": [0.25, 0.5], "note": "ü"},
    )


def assert_sample(artefact: Artefact) -> None:
    np.testing.assert_array_equal(artefact.array("scores"), sample().arrays["scores"])
    np.testing.assert_array_equal(artefact.array("kept"), sample().arrays["kept"])
    pd.testing.assert_frame_equal(artefact.table("languages"), sample().tables["languages"])
    assert artefact.facts == sample().facts
    assert artefact.spec == SPEC


def fetched(store: Store) -> list[str]:
    """Names of the files of artefacts that have come from a shared store."""
    return sorted(path.name for path in (store.root / ".shared").glob("[!.]*/*/*") if path.name != MANIFEST)


def build(folder: Path) -> dict:
    """Build what `assert_built` expects."""
    (folder / "sub").mkdir()
    (folder / "model.bin").write_bytes(bytes(range(256)) * 10)
    (folder / "sub" / "ü.json").write_text("{}")
    return {"layers": 2}


def assert_built(artefact: Artefact) -> None:
    assert (artefact.path / "model.bin").read_bytes() == bytes(range(256)) * 10
    assert (artefact.path / "sub" / "ü.json").read_text() == "{}"
    assert artefact.facts == {"layers": 2}


def flip_bit(path: Path, position: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


SEEN_AT_ONCE = [cut, Path.unlink, replace_by_folder, lambda path: path.write_bytes(b"")]
SEEN_AT_ONCE_IDS = ["cut", "missing", "folder", "empty"]


def temporaries(root: Path) -> list[Path]:
    return list(root.glob("*/.tmp-*"))


def python(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start another Python process, which can import the core and this module."""
    prelude = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})"
    return subprocess.Popen(
        [sys.executable, "-c", f"{prelude}\n{textwrap.dedent(script)}", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder below a folder, with its size and the time of its last change."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
    }
