"""The Hugging Face hub and model folders: what is there, and plain words for what is not."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from core import access
from core.errors import ModelError, is_fault
from core.models import adapters, pretrained
from core.progress import Cancelled

log = logging.getLogger(__name__)

WEIGHTS, WEIGHTS_INDEX = "model.safetensors", "model.safetensors.index.json"
"""A model's weights in one file, and the list of the files of one whose weights are in several."""

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BELIEVED = 30.0  # seconds
_LARGEST_SMALL = 16 << 20  # bytes of a file of settings
_answers: dict[tuple[str, str | None], tuple[float, str | ModelError]] = {}
_reached: dict[tuple[str, str | None], tuple[float, bool]] = {}
_held: ContextVar[dict[str, str] | None] = ContextVar("held", default=None)


def looks_like_folder(name: str) -> bool:
    """Whether a model's name means a local folder rather than a hub id."""
    return name.startswith(("/", "./", "../", "~")) or "\\" in name or bool(name and Path(name).is_dir())


def check_folder(folder: Path) -> None:
    """Raise `ModelError` unless a folder holds a model's config, weights and tokenizer."""
    if not folder.is_dir():
        raise ModelError(f"load the model in {folder}", "there is no such folder", "Check the path, or give a hub id.")
    if found := sorted(path.name for path in folder.glob("adapter_*") if path.suffix in (".json", ".safetensors")):
        if not (folder / "config.json").is_file():
            raise _adapter_alone(str(folder), adapters.base_of(folder), str(folder))
        raise ModelError(
            f"load the model in {folder}",
            f"it holds an adapter ({', '.join(found)}), which would not be applied",
            "Move the adapter's files into a folder of their own and name it with --adapter, or remove them.",
        )
    if not (folder / "config.json").is_file():
        files = sorted(path.name for path in folder.glob("*.gguf"))
        raise ModelError(
            f"load the model in {folder}",
            "it holds no config.json" + (f", but {', '.join(files)}" if files else ""),
            f"Name the file: --model {folder / files[0]}."
            if files
            else "Give a folder written by save_pretrained (config.json, *.safetensors, tokenizer.json).",
        )
    if not list(folder.glob("*.safetensors")):
        raise pretrained.no_safetensors(f"load the model in {folder}", "it holds no weights in the safetensors format")


def _adapter_alone(name: str, base: str, folder: str) -> ModelError:
    return ModelError(
        f"load the model in {name}",
        f"it is an adapter{f' of {base}' if base else ''}, and no model",
        f"Name the model it was trained on, and the adapter beside it: --model {base or 'MODEL'} --adapter {folder}.",
    )


def check_weight_file(path: Path) -> None:
    """Raise `ModelError` unless a file is one that a model can be loaded from, by itself or as its folder's weights."""
    asked = f"load the model in {path}"
    if not path.is_file():
        raise ModelError(asked, "there is no such file", "Check the path.")
    index = path.with_name(WEIGHTS_INDEX)
    if path.suffix.lower() == ".gguf" or path.name == WEIGHTS:
        return
    if not index.is_file() or path.name not in index.read_text(encoding="utf-8", errors="replace"):
        raise ModelError(
            asked,
            f"a folder's weights are {WEIGHTS}, or what its {WEIGHTS_INDEX} lists, and this file is neither",
            "Name the folder, or put the file as model.safetensors beside its config.json and tokenizer.",
        )


def is_commit(revision: str | None) -> bool:
    """Whether a revision names one commit for good, as no branch and no tag does."""
    return bool(revision and _COMMIT.fullmatch(revision))


@contextmanager
def holding(commits: Mapping[str, str] | None = None) -> Iterator[None]:
    """Have every id mean one commit in this thread, whatever its owner pushes meanwhile: long work is of one model.

    Within another such context that one goes on.

    Parameters
    ----------
    commits : mapping of str to str, optional
        By id, what is decided already; of others it is what they mean when they are first asked for. A commit that is
        asked for by name is that one in any case.
    """
    outer = _held.get()
    token = _held.set({**(outer or {}), **(commits or {})} if commits or outer is None else outer)
    try:
        yield
    finally:
        _held.reset(token)


def commit(name: str, revision: str | None) -> str:
    """The commit that a hub id and revision mean now; from the local cache when the hub cannot be reached.

    The hub's answer, a refusal too, is believed for half a minute: a page asks at every change of a control. See
    `holding` for work that takes longer.

    Raises
    ------
    ModelError
        For a wrong id or revision, a gated model, or no network with nothing cached.
    """
    held = None if is_commit(revision) else _held.get()
    if held is not None:
        revision = held.get(name, revision)
    asked_at, answer = _answers.get((name, revision), (-_BELIEVED, ""))
    if time.monotonic() - asked_at >= _BELIEVED:
        try:
            answer = _ask_commit(name, revision)
        except ModelError as refusal:
            answer = refusal
        _forget_old(_answers)
        _answers[name, revision] = (time.monotonic(), answer)
    if isinstance(answer, ModelError):
        raise answer
    if held is not None:
        held.setdefault(name, answer)
    return answer


def _forget_old(believed: dict[tuple[str, str | None], tuple[float, Any]]) -> None:
    """Drop answers that are believed no more: links name any number of models, and a refusal holds what led to it."""
    for key, (asked_at, _) in list(believed.items()):
        if time.monotonic() - asked_at >= _BELIEVED:
            believed.pop(key, None)


def _ask_commit(name: str, revision: str | None) -> str:
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import RemoteEntryNotFoundError

    if not _HUB_ID.fullmatch(name):
        raise ModelError(
            f"model {name!r}",
            "it is neither a hub id nor a folder",
            "Give an id like bigscience/bloom-560m, a folder, or embedded.",
        )
    pinned = revision if is_commit(revision) else None
    known = pinned and isinstance(try_to_load_from_cache(name, "config.json", revision=pinned), str)
    with explained(name, revision):
        # Its config is downloaded, not only its commit asked for: so the local cache knows the commit on a day without
        # a network, and a gated model refuses now.
        local = not (known or is_reachable(name, revision))
        try:
            if not local and not known:
                _check_small(name, revision, "config.json")
            config = Path(hf_hub_download(name, "config.json", revision=revision, local_files_only=local))
        except RemoteEntryNotFoundError:
            _refuse_adapter(name, revision)
            raise
    found = config.parent.name  # snapshots/<commit>/config.json
    small_files(name, found, *_further_configs(config))
    return found


def small_files(name: str, revision: str, *files: str) -> dict[str, Any]:
    """Keyword arguments that make ``from_pretrained`` read these files of settings; they are downloaded unasked.

    What is here already is not asked for. Where the hub does not say how large the others are, only what is here is
    read: by the time of reading it may answer, with whatever it has.

    Raises
    ------
    ModelError
        If the hub states that one has more than 16 MB.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, RemoteEntryNotFoundError

    arguments = revision_argument(revision)
    unknown = [file for file in files if arguments and try_to_load_from_cache(name, file, revision=revision) is None]
    checked = bool(unknown) and _answers_now(name, revision)
    silent: tuple[type[BaseException], ...] = (HfHubHTTPError, *_unreachable())
    for file in unknown if checked else ():
        try:
            _check_small(name, revision, file)
        except RemoteEntryNotFoundError:  # there is none to download
            pass
        except silent:
            checked = False
    return arguments and {**arguments, "local_files_only": not checked}


def config_files(name: str, revision: str) -> dict[str, Any]:
    """As `small_files`, of a model's config and of what it names to be read in its place."""
    from huggingface_hub import try_to_load_from_cache

    config = None if revision == "local" else try_to_load_from_cache(name, "config.json", revision=revision)
    further = _further_configs(Path(config)) if isinstance(config, str) else []
    return small_files(name, revision, "config.json", *further)


def _answers_now(name: str, revision: str) -> bool:
    """Whether the hub answers, a refusal too, as it was found within half a minute.

    Its client tries each file for long, and there are many.
    """
    from huggingface_hub.errors import HfHubHTTPError

    asked_at, answers = _reached.get((name, revision), (-_BELIEVED, False))
    if time.monotonic() - asked_at >= _BELIEVED:
        with suppress(HfHubHTTPError):
            return is_reachable(name, revision)
        return True  # with a refusal
    return answers


def _check_small(name: str, revision: str | None, file: str) -> None:
    from huggingface_hub import hf_hub_download

    stated = hf_hub_download(name, file, revision=revision, dry_run=True)
    if stated.will_download and (size := stated.file_size or 0) > _LARGEST_SMALL:
        why = f"its {file} has {size:,} bytes, which no file of settings has"
        raise ModelError(f"load {name}", why, "Use another model.")


def _further_configs(config: Path) -> list[str]:
    """Files that a config names to be read in its place, by the version of transformers."""
    try:
        named = json.loads(config.read_text(encoding="utf-8"))["configuration_files"]
        return [file for file in named if isinstance(file, str)]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):  # none; a broken config is refused when read
        return []


def _refuse_adapter(name: str, revision: str | None) -> None:
    """Say so where a repository without a config holds an adapter."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import RemoteEntryNotFoundError

    with suppress(RemoteEntryNotFoundError):
        _check_small(name, revision, adapters.CONFIG)
        path = Path(hf_hub_download(name, adapters.CONFIG, revision=revision))
        folder = f"DIR, after: hf download {name} --local-dir DIR"
        raise _adapter_alone(name, adapters.base_of(path.parent), folder)


def revision_argument(revision: str) -> dict[str, Any]:
    """Keyword arguments that make ``from_pretrained`` use exactly that commit; none for a local folder."""
    return {} if revision == "local" else {"revision": revision}


def loading_arguments(name: str, revision: str) -> dict[str, Any]:
    """As `revision_argument`, and without waiting for a hub that cannot be reached (its client tries for a minute)."""
    from huggingface_hub.errors import HfHubHTTPError

    arguments = revision_argument(revision)
    if arguments:
        with suppress(HfHubHTTPError):  # it answers; what it refuses, loading says
            arguments["local_files_only"] = access.asks_before_downloads() or not is_reachable(name, revision)
    return arguments


def is_reachable(name: str, revision: str | None) -> bool:
    """Whether the hub answers; what it answers about the model, if that is a refusal, is raised."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    answers = True
    try:
        HfApi().model_info(name, revision=revision, timeout=10)
    except HfHubHTTPError as error:
        answers = error.response is None or error.response.status_code < 500
        if answers:
            raise
    except _unreachable():
        answers = False
    finally:
        _forget_old(_reached)
        _reached[name, revision] = (time.monotonic(), answers)
    return answers


@contextmanager
def explained(name: str, revision: str | None = None) -> Iterator[None]:
    """Turn what the hub's client and transformers raise into a `ModelError` in plain words."""
    from huggingface_hub import errors as hub_errors

    what = f"load {name}" + (f" at revision {revision}" if revision else "")
    try:
        yield
    except BaseException as error:
        if not is_fault(error) or isinstance(error, Cancelled):
            raise
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
        log.info("could not %s", what, exc_info=True)
        reason = " ".join(str(error).split())[:400] or type(error).__name__
        raise ModelError(
            what, reason, "Check that its files are complete and that transformers knows its kind."
        ) from error


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
