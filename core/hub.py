"""The Hugging Face hub and model folders: what is there, and plain words for what is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from core.errors import ModelError

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
# What transformers raises for files that are damaged, incomplete, or not what their config says.
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError, SafetensorError)


def looks_like_folder(name: str) -> bool:
    """Whether a model's name means a local folder rather than a hub id."""
    return name.startswith(("/", "./", "../", "~")) or "\\" in name or bool(name and Path(name).is_dir())


def check_folder(folder: Path) -> None:
    """Raise `ModelError` unless a folder holds a model's config, weights and tokenizer."""
    if not folder.is_dir():
        raise ModelError(f"load the model in {folder}", "there is no such folder", "Check the path, or give a hub id.")
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"load the model in {folder}",
            "it holds no config.json",
            "Give a folder written by save_pretrained (config.json, *.safetensors, tokenizer.json).",
        )
    if not list(folder.glob("*.safetensors")):
        raise ModelError(
            f"load the model in {folder}",
            "it holds no weights in the safetensors format",
            "Save it again with save_pretrained; pickled weights are not loaded, since they can run code.",
        )


def commit(name: str, revision: str | None) -> str:
    """The commit that a hub id and revision mean now; from the local cache when the hub cannot be reached.

    Raises
    ------
    ModelError
        For a wrong id or revision, a gated model, or no network with nothing cached.
    """
    from huggingface_hub import HfApi, try_to_load_from_cache

    if not _HUB_ID.fullmatch(name):
        raise ModelError(
            f"model {name!r}",
            "it is neither a hub id nor a folder",
            "Give an id like bigscience/bloom-560m, a folder, or embedded.",
        )
    if revision and _COMMIT.fullmatch(revision):
        cached = try_to_load_from_cache(name, "config.json", revision=revision)
        if isinstance(cached, str):
            return revision
    try:
        with explained(name, revision):
            sha = HfApi().model_info(name, revision=revision, timeout=10).sha
            return str(sha)
    except ModelError as error:
        if not isinstance(error.__cause__, _unreachable()):
            raise
        cached = try_to_load_from_cache(name, "config.json", revision=revision)
        if isinstance(cached, str):
            return Path(cached).parent.name  # snapshots/<commit>/config.json
        raise


def revision_argument(revision: str) -> dict[str, str]:
    """Keyword arguments that make ``from_pretrained`` use exactly that commit; none for a local folder."""
    return {} if revision == "local" else {"revision": revision}


@contextmanager
def explained(name: str, revision: str | None = None) -> Iterator[None]:
    """Turn what the hub's client and transformers raise into a `ModelError` in plain words."""
    from huggingface_hub import errors as hub_errors

    what = f"load {name}" + (f" at revision {revision}" if revision else "")
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        chain = list(_causes(error))

        def among(*kinds: type[BaseException]) -> bool:
            return any(isinstance(link, kinds) for link in chain)

        if among(hub_errors.GatedRepoError):
            raise ModelError(
                what,
                "its owners ask you to accept their terms first (a gated model)",
                f"Accept them at https://huggingface.co/{name}, then run `hf auth login` on this machine.",
            ) from error
        if among(hub_errors.RevisionNotFoundError):
            raise ModelError(what, "the model has no such revision", "Use a branch, tag or commit it has.") from error
        if among(hub_errors.RepositoryNotFoundError, hub_errors.HFValidationError):
            raise ModelError(
                what,
                "the hub has no model of that name, or it is private",
                "Check the spelling (owner/name), or run `hf auth login` if it is yours.",
            ) from error
        if among(*_unreachable()):
            # the link of the chain that names the network is what callers look at
            cause = next(link for link in chain if isinstance(link, _unreachable()))
            raise ModelError(
                what,
                "the Hugging Face hub cannot be reached, and the model is not in the local cache",
                "Check the network, download it beforehand (`hf download`), give a local folder, or use embedded.",
            ) from cause
        if isinstance(error, _UNREADABLE):
            reason = " ".join(str(error).split())[:400] or type(error).__name__
            raise ModelError(
                what, reason, "Check that its files are complete and that transformers knows its kind."
            ) from error
        raise


def _unreachable() -> tuple[type[BaseException], ...]:
    import httpx2
    from huggingface_hub import errors as hub_errors

    return (hub_errors.LocalEntryNotFoundError, hub_errors.OfflineModeIsEnabled, httpx2.TransportError, ConnectionError)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__
