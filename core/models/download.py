"""A model on the hub that is not on this machine: how large it is, whether there is room, and its download.

The sizes are the hub's of the very files, not those that an index among them states; where more comes than was said,
the download ends.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models import hub
from core.models.spec import ResolvedModel
from core.progress import Cancelled

_BESIDE = (".json", ".model", ".txt", ".tiktoken", ".jinja")  # what stands beside the weights
_STEP = re.compile(r"\d+_\w+/(config\.json|model\.safetensors)")  # of a sentence encoder
_SPARE = 1 << 30  # bytes of the disk that stay free
_BELIEVED = 30.0  # seconds
_answers: dict[tuple[str, str], tuple[float, Download | None]] = {}


@dataclass(frozen=True)
class Download:
    """What is to come.

    Attributes
    ----------
    name, revision : str
        Hub id and commit.
    files : tuple of (str, int)
        Names and bytes of what is not on this machine yet.
    """

    name: str
    revision: str
    files: tuple[tuple[str, int], ...]

    @property
    def nbytes(self) -> int:
        """Bytes of all files."""
        return sum(size for _, size in self.files)

    @property
    def weights(self) -> int:
        """Bytes of the weights among them."""
        return sum(size for name, size in self.files if name.endswith(".safetensors"))

    def check(self, n_parameters: int) -> None:
        """Refuse what the disk has no room for, and weights that are not those of the model that the config describes.

        Parameters
        ----------
        n_parameters : int
            Of the whole model, by its config.

        Raises
        ------
        ModelError
        """
        what = f"download {self.name}"
        described = 4 * n_parameters  # in the widest type that weights are kept in
        if self.weights > 2 * described + (64 << 20):
            why = f"its weights have {self.weights:,} bytes, and its config describes a model of {described:,} at most"
            raise ModelError(what, why, "Use a model whose files are those of its config.")
        free = shutil.disk_usage(_cache()).free
        if self.nbytes + _SPARE > free:
            why = f"it has {self.nbytes:,} bytes, and {free:,} are free on the disk that the hub's cache is on"
            raise ModelError(what, why, "Make room, move the hub's cache (HF_HOME), or use a smaller model.")


def pending(resolved: ResolvedModel) -> Download | None:
    """What a model lacks on this machine; None where all is there, it is none of the hub's, or the hub does not answer.

    The answer is believed for half a minute: a page asks at every change of a control.
    """
    if _is_none_of_the_hubs(resolved):
        return None
    key = (resolved.location, resolved.revision)
    asked_at, answer = _answers.get(key, (-_BELIEVED, None))
    if time.monotonic() - asked_at >= _BELIEVED:
        answer = None if _is_complete(*key) else _ask(*key)
        _answers[key] = (time.monotonic(), answer)
    return answer


def is_here(resolved: ResolvedModel) -> bool:
    """Whether a model's weights are on this machine; the hub is not asked."""
    return _is_none_of_the_hubs(resolved) or _is_complete(resolved.location, resolved.revision)


def _is_none_of_the_hubs(resolved: ResolvedModel) -> bool:
    return resolved.revision == "local" or not resolved.location or Path(resolved.location).is_dir()


def fetch(download: Download, advance: Callable[[int], object]) -> None:
    """Download the files into the hub's cache.

    Parameters
    ----------
    advance : callable
        Receives the number of bytes that have come since the last call; what it raises stops the download.

    Raises
    ------
    ModelError
        If the hub cannot be reached, or sends more than it said.
    """
    from huggingface_hub import hf_hub_download

    try:
        with hub.explained(download.name):
            for name, size in download.files:
                counter = _counter(download, name, size, advance)
                hf_hub_download(download.name, name, revision=download.revision, tqdm_class=counter)
    except ModelError as error:
        if isinstance(error.__cause__, Cancelled):  # stopped, which is no fault of the hub's
            raise error.__cause__ from None
        raise
    finally:  # not before: a page that asks meanwhile is told of what is still to come, and that is believed
        _answers.pop((download.name, download.revision), None)


def _counter(download: Download, name: str, size: int, advance: Callable[[int], object]) -> Any:
    """A progress bar that shows nothing, and stops a file that is longer than was said."""
    from tqdm import tqdm

    come = 0

    class Counter(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **named: Any) -> None:
            named.pop("name", None)  # the hub's client gives it to bars of its own kind
            super().__init__(*arguments, **(named | {"disable": True}))

        def update(self, n: float | None = 1) -> bool | None:
            nonlocal come
            come += int(n or 0)
            if come > size:
                why = f"{name} is longer than the {size:,} bytes that the hub said"
                raise ModelError(f"download {download.name}", why, "Use another model.")
            advance(int(n or 0))
            return None

    return Counter


def _is_complete(name: str, revision: str) -> bool:
    """Whether the weights and a tokenizer are in the hub's cache."""
    index = _held(name, revision, hub.WEIGHTS_INDEX)
    weights = [hub.WEIGHTS]
    if _held(name, revision, hub.WEIGHTS) is None and index is not None:
        try:
            weights = sorted(set(json.loads(Path(index).read_text(encoding="utf-8"))["weight_map"].values()))
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return False
    return all(_held(name, revision, str(file)) for file in (*weights, "tokenizer.json"))


def _held(name: str, revision: str, file: str) -> str | None:
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(name, file, revision=revision)
    return path if isinstance(path, str) else None


def _ask(name: str, revision: str) -> Download | None:
    """Ask the hub for the files and their sizes; None if it does not answer, since loading says so in words."""
    from huggingface_hub import HfApi, hf_hub_download

    with hub.explained(name):
        if not hub.is_reachable(name, revision):
            return None
        siblings = {
            sibling.rfilename for sibling in HfApi().model_info(name, revision=revision, timeout=10).siblings or ()
        }
        stem = hub.WEIGHTS.removesuffix(".safetensors")
        weights = {hub.WEIGHTS} & siblings or {
            file for file in siblings if file.startswith(f"{stem}-") and file.endswith(".safetensors")
        }
        beside = {file for file in siblings if "/" not in file and file.endswith(_BESIDE)}
        wanted = sorted(weights | beside | {file for file in siblings if _STEP.fullmatch(file)})
        stated = [hf_hub_download(name, file, revision=revision, dry_run=True) for file in wanted]
    files = tuple((info.filename, int(info.file_size or 0)) for info in stated if info.will_download)
    return Download(name, revision, files) if files else None


def _cache() -> Path:
    """The nearest folder above the hub's cache that is there."""
    from huggingface_hub import constants

    place = Path(constants.HF_HUB_CACHE).absolute()
    return next(path for path in (place, *place.parents) if path.is_dir())
