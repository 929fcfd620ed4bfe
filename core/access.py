"""What may be named here: anything, or on a public server only what whoever runs it has listed.

Every name of a model, a corpus and a report's folder passes through `Access` on its way to the disk or the hub: from a
link, a field, an upload or a file of settings alike. Environment variables say what is allowed, so that the processes
that a server starts are bound by the same.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from core import location
from core.errors import AskError, CorpusError, ModelError, SettingError
from core.location import OFF, checkout, default_cache, is_public

log = logging.getLogger(__name__)

PUBLIC = location.PUBLIC
MODELS, CORPORA, ROOTS = (f"LANGUAGE_NEURONS_ALLOW_{what}" for what in ("MODELS", "CORPORA", "ROOTS"))
"""Variables: whether the server is public, and what it then offers, one entry a line."""

CACHE_LIMIT, READ_ONLY = "LANGUAGE_NEURONS_CACHE_LIMIT", "LANGUAGE_NEURONS_READ_ONLY"
"""Variables: the size that the cache is kept within (`core.store.quota`); whether it is only read."""

SHARED = "LANGUAGE_NEURONS_SHARED"
"""Variable: address of a store that several machines share (`core.store.shared_store`)."""

ONLY_ASKED = "LANGUAGE_NEURONS_DOWNLOADS"
"""Variable: ``asked`` where loading a model downloads nothing, since somebody must confirm that first."""

WORKER = "LANGUAGE_NEURONS_WORKER"
"""Variable: ``child`` where a server computes in a child process of its own, ``here`` where in its own; else the engine
that it sends its jobs to, as `core.cluster.connection.chosen` reads it."""

UNASKED = "LANGUAGE_NEURONS_UNASKED"
"""Variable: ``0`` where a server begins no work that nobody asked for."""

TABLES = "LANGUAGE_NEURONS_TABLES"
"""Variable: ``apart`` where large tables are read in a process of their own (`core.corpora.read_apart`)."""

UPLOAD = "upload:"
"""What the name of a table that was uploaded begins with."""

UPLOADS, NAMED = "uploads", ".name"
"""The folder of uploads in the cache; the ending of the file beside each that says what it was called."""

LARGEST_UPLOAD = 50 * 2**20
"""Bytes; the server is told the same in .streamlit/config.toml."""

_NAME = re.compile(r"[\w][\w. +-]{0,79}(/[\w.-]{1,79})?")
# On a public server an upload's name cannot be guessed by who knows its content; elsewhere it is the content's digest.
_UPLOAD_ID = re.compile(r"[0-9a-f]{32}(\.[a-z]{1,8}){1,2}")
_UPLOAD_HERE = re.compile(r"[0-9a-f]{24}(\.[a-z]{1,8}){1,2}")
_COMES_WITH_IT = {"embedded": "embedded", "embedded:gemma": "embedded", "embedded:e5": "embedded:e5"}
_CORPUS_COMES_WITH_IT = {"embedded": "embedded"}
_SHOWN = 20  # names in a refusal
# A path in a sentence: from a slash, a tilde or a drive to the next mark that ends it.
_PATH = re.compile(r"(?<![\w/:.~])(?:~?/|[A-Za-z]:\\)[^\s'\"`,;:()<>]+")


@dataclass(frozen=True)
class Access:
    """What may be named.

    Attributes
    ----------
    public : bool
        Whether only what is listed may be. Otherwise names stand for themselves.
    models, corpora : mapping of str to str
        What visitors call them -> a hub id (with ``@REVISION`` if one is meant) or folder, a corpus's spec.
    roots : tuple of Path
        Folders whose reports may be shown, named by their path below one of these.
    """

    public: bool = False
    models: Mapping[str, str] = field(default_factory=dict)
    corpora: Mapping[str, str] = field(default_factory=dict)
    roots: tuple[Path, ...] = ()

    def offered_models(self) -> tuple[str, ...]:
        """What visitors of a public server may choose."""
        return tuple(dict.fromkeys((*_COMES_WITH_IT.values(), *self.models)))

    def offered_corpora(self) -> tuple[str, ...]:
        """What visitors of a public server may choose."""
        return tuple(dict.fromkeys((*_CORPUS_COMES_WITH_IT, *self.corpora)))

    def offered_reports(self) -> tuple[str, ...]:
        """Names of the reports below the roots, at most two folders deep."""
        names = [
            path.parent.relative_to(root).as_posix()
            for root in self.roots
            for pattern in ("report.json", "*/report.json", "*/*/report.json")
            for path in sorted(root.glob(pattern))
            if _inside(path, root)
        ]
        return tuple(dict.fromkeys(names))

    def model(self, name: str, revision: str | None) -> tuple[str, str | None]:
        """The hub id or folder that a name stands for, and its revision.

        Raises
        ------
        ModelError
            If this server does not offer it.
        """
        if not self.public:
            return name, revision
        place = {**_COMES_WITH_IT, **self.models}.get(name)
        if place is None:
            raise ModelError(f"model {name!r}", "this server offers only listed models", _among(self.offered_models()))
        if revision is not None:
            why = "this server offers each model at one revision"
            raise ModelError(f"revision {revision!r} of {name}", why, "Leave the revision out.")
        if "@" in place and not place.startswith(("/", ".", "~")):
            place, _, revision = place.rpartition("@")
        return place, revision

    def corpus(self, spec: str) -> str:
        """The spec that a corpus's name stands for.

        Raises
        ------
        CorpusError
            If this server does not offer it, or an upload is not there.
        """
        place = {**_CORPUS_COMES_WITH_IT, **self.corpora}.get(spec.strip()) if self.public else None
        if place is not None:
            return place
        if spec.startswith(UPLOAD):
            return f"table:{self._uploaded(spec)}"
        if not self.public:
            return spec
        raise CorpusError(f"corpus {spec!r}", "this server offers only listed corpora", _among(self.offered_corpora()))

    def _uploaded(self, spec: str) -> Path:
        path = default_cache() / UPLOADS / spec.removeprefix(UPLOAD)
        known = _UPLOAD_ID.fullmatch(path.name) or (not self.public and _UPLOAD_HERE.fullmatch(path.name))
        if known and spec == f"{UPLOAD}{path.name}" and path.is_file():
            with suppress(OSError):  # used now, so that it is not taken away first; it was written when it was
                os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
            return path.absolute()
        raise CorpusError(f"corpus {spec!r}", "there is no such upload, or it has expired", "Upload the table again.")

    def report(self, name: str) -> Path:
        """The folder of a report on a public server, by its path below one of the roots.

        Raises
        ------
        SettingError
            If this server does not offer it.
        """
        if name in self.offered_reports():  # compared as text: what is typed never becomes a path
            return next(root / name for root in self.roots if (root / name / "report.json").is_file())
        why = "this server offers only listed reports"
        raise SettingError(f"the report {name!r}", why, _among(self.offered_reports()))

    def words(self, text: str) -> str:
        """A text for a visitor's eyes: without the paths of a public server."""
        if not self.public:
            return text
        for place in self._places():
            text = text.replace(place, "…")
        return _PATH.sub("…", text)

    def _places(self) -> list[str]:
        """Paths of this server's, the longest first."""
        listed = [place.partition(":")[2] or place for place in (*self.models.values(), *self.corpora.values())]
        folders = [default_cache().absolute(), Path(tempfile.gettempdir()), Path(sys.prefix), checkout(), *self.roots]
        places = {str(place) for place in (*listed, *folders, *_home()) if place}
        return sorted((place for place in places if len(place) > 1 and place.startswith("/")), key=len, reverse=True)

    @contextmanager
    def veiled(self, kind: str, name: str) -> Iterator[None]:
        """Keep from visitors what is wrong with something that is listed: an error may quote its files and its place.

        The log has the whole. What a visitor has uploaded is explained to them: the words are of their own file.
        """
        try:
            yield
        except AskError as error:
            if not self.public or name.startswith(UPLOAD):
                raise
            log.warning("%s %r cannot be used: %s", kind, name, error)
            raise type(error)(
                f"{kind} {name!r}", "it cannot be used on this server at present", "Choose another."
            ) from None


def titled(spec: str) -> str:
    """What people call a corpus: an upload as its file was called when it was brought, any other by its spec."""
    if not spec.startswith(UPLOAD):
        return spec
    path = default_cache() / UPLOADS / Path(spec).name.removeprefix(UPLOAD)  # a link may say anything
    try:
        return path.with_name(path.name + NAMED).read_text(encoding="utf-8") or spec
    except (OSError, ValueError):
        return spec


def entitle(upload: Path, title: str) -> None:
    """Note beside an upload what its file is called; where nothing can be noted, it goes by its spec."""
    with suppress(OSError):
        upload.with_name(upload.name + NAMED).write_text(title, encoding="utf-8", errors="replace")


def without_folder(spec: str) -> str:
    """The name of a model or corpus as it may stand in a file that is passed on: of a path only its last part."""
    kind, colon, place = spec.partition(":")
    if not colon or set("/\\") & set(kind):
        kind, colon, place = "", "", spec
    if not colon and not place.startswith(("/", "./", "../", "~")) and "\\" not in place:
        return spec
    return kind + colon + re.split(r"[/\\]", place.rstrip("/"))[-1]


def allow(public: bool, models: Iterable[str], corpora: Iterable[str], roots: Iterable[str]) -> None:
    """Decide what may be named, for this process and those that it starts; to be called before models are.

    Parameters
    ----------
    public : bool
        Whether only what is listed may be, and nothing is downloaded.
    models, corpora : iterable of str
        ``NAME=PLACE`` each; a hub id, and what comes with the product, may stand by itself.
    roots : iterable of str
        Folders.

    Raises
    ------
    SettingError
        As `current`; or if something is listed for a server that is not public.
    """
    lists = {MODELS: list(models), CORPORA: list(corpora), ROOTS: list(roots)}
    if not public and not is_public():
        if any(lists.values()):
            why = "a server that is not public offers everything that its user can read"
            raise SettingError("--allow-model, --allow-corpus or --allow-root", why, "Add --public, or leave them out.")
        return
    os.environ[PUBLIC] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"  # its client reads this once, when it is imported
    for variable, entries in lists.items():
        os.environ[variable] = "\n".join([os.environ.get(variable, ""), *entries])
    current()


def current() -> Access:
    """What the environment allows.

    Raises
    ------
    SettingError
        If an entry is not of the form NAME=PLACE where it must be.
    """
    return _read(*(os.environ.get(name, "") for name in (PUBLIC, MODELS, CORPORA, ROOTS)))


def asks_before_downloads() -> bool:
    """Whether loading a model may download nothing."""
    return os.environ.get(ONLY_ASKED) == "asked"


def reads_tables_apart() -> bool:
    """Whether a large table is read in a process of its own."""
    return os.environ.get(TABLES) == "apart"


def reads_only() -> bool:
    """Whether the cache is only read, and nothing is computed but what takes a moment."""
    return os.environ.get(READ_ONLY, "0") not in OFF


def works_unasked() -> bool:
    """Whether a server begins work that nobody asked for.

    Loading a model ahead, measuring what is free, fitting a map again, computing the opening picture.
    """
    return not reads_only() and os.environ.get(UNASKED, "1") not in OFF


def words(text: str) -> str:
    """As `Access.words` of what is `current`."""
    return current().words(text)


@lru_cache(maxsize=8)
def _read(public: str, models: str, corpora: str, roots: str) -> Access:
    if public in OFF:
        return Access()
    return Access(
        True,
        _listed("--allow-model", models.splitlines()),
        _listed("--allow-corpus", corpora.splitlines()),
        tuple(Path(root).expanduser().resolve() for root in roots.splitlines() if root.strip()),
    )


def _listed(option: str, entries: Iterable[str]) -> dict[str, str]:
    """What visitors call things -> what these are; an entry without a name must be one that shows no path."""
    listed = {}
    for entry in filter(None, map(str.strip, entries)):
        name, equals, place = (part.strip() for part in entry.partition("="))
        if not equals:
            name, place = entry.partition("@")[0] if "/" in entry else entry, entry
        if not _NAME.fullmatch(name) or not place:
            raise SettingError(
                f"{option} {entry}",
                "visitors would see a path, or a name that is none",
                f"Give it a name: {option} NAME={place or entry}.",
            )
        listed[name] = place
    return listed


def _among(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"Choose among: {', '.join(names[:_SHOWN]) or 'none'}{more}."


def _inside(path: Path, root: Path) -> bool:
    """Whether a path, with every link followed, lies below a root."""
    return path.resolve().is_relative_to(root.resolve())


def _home() -> list[Path]:
    try:
        return [Path.home()]
    except RuntimeError:
        return []
