"""A model in a GGUF file: its config is read from it; weights and tokenizer are converted once to what loads fast."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models import pretrained
from core.models.spec import ResolvedModel
from core.store.artefact import Artefact
from core.store.files import JSON
from core.store.stage import STAGES
from core.store.store import Store

ENDING = ".gguf"
_METADATA_BYTES = 1 << 26  # in front of a file's weights: more than the largest vocabularies take


def is_gguf(resolved: ResolvedModel) -> bool:
    """Whether a model is a GGUF file."""
    return resolved.location.lower().endswith(ENDING)


@lru_cache(maxsize=4)
def config(resolved: ResolvedModel) -> Any:
    """The config that the file holds.

    Read in another process, which leaves the vocabulary out: with it, reading takes half a minute, and a server's pages
    would stand still meanwhile.
    """
    path = Path(resolved.location)
    with tempfile.TemporaryDirectory() as folder:
        convert(resolved.name, path, Path(folder), {"config": "config"})
        return pretrained.read_config(resolved.name, folder)


def has_chat_template(resolved: ResolvedModel) -> bool:
    """Whether the file names a chat template; looked for among its metadata, which stands in front."""
    with Path(resolved.location).open("rb") as file:
        return b"tokenizer.chat_template" in file.read(_METADATA_BYTES)


def has_mlp_biases(source: Path) -> bool:
    """Whether the file has biases of the MLP, which its metadata do not say."""
    with source.open("rb") as file:
        return b"blk.0.ffn_up.bias" in file.read(_METADATA_BYTES)


def converted(store: Store, resolved: ResolvedModel) -> Artefact:
    """The converted model's folder, made now if need be; its files are checked against their digests."""
    source = Path(resolved.location)

    def build(folder: Path) -> dict[str, JSON]:
        convert(resolved.name, source, folder, {"weights": f"weights:{resolved.dtype}", "tokenizer": "tokenizer"})
        return {"title": source.name}

    # Such a file's biases were once left out; what was converted then is not found.
    biases = {"mlp_biases": True} if has_mlp_biases(source) else {}
    spec = STAGES["model"].spec(gguf=resolved.digest, dtype=resolved.dtype, **biases)
    artefact = store.get_or_build("model", spec, build)
    artefact.verify()
    return artefact


def convert(name: str, source: Path, folder: Path, parts: dict[str, str]) -> None:
    """Convert weights and tokenizer side by side, each in a process of its own.

    Millions of small objects are made on the way, and in a web server's process every garbage collection would go
    through them while nothing else moves.

    Parameters
    ----------
    parts : dict of str to str
        What each part is called in an error, and to `core.models.gguf_conversion`.

    Raises
    ------
    ModelError
        With what the process said last.
    """
    running = {part: _start(argument, source, folder) for part, argument in parts.items()}
    try:
        for part, process in running.items():
            _, errors = process.communicate()
            if process.returncode:
                raise ModelError(
                    f"convert the {part} of {name}",
                    (errors.strip().splitlines() or ["its process ended"])[-1][-500:],
                    "Check that the file is whole and that transformers knows its architecture, or reinstall the "
                    "requirements.",
                )
    finally:
        for process in running.values():
            process.kill()
            process.wait()


def _start(part: str, source: Path, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "core.models.gguf_conversion", part, str(source), str(folder)],
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
