"""A visitor's own table of sentences: kept in the cache under its content, checked before it is used."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from core import access
from core.corpora.corpus import Corpus
from core.corpora.table_files import READERS
from core.corpora.user_tables import FOLDER, keep_table
from core.errors import AskError
from core.experiment import rows
from core.experiment.settings import Experiment
from core.stats.units import counted
from core.store import quota
from dashboard import hosts
from dashboard.charts import theme
from dashboard.state import session
from dashboard.work import process

KINDS = tuple(ending.lstrip(".") for ending in READERS)
LARGEST = access.LARGEST_UPLOAD


def draw(chosen: Experiment) -> None:
    """Offer to upload a table; its errors are shown here, and the page stays as it is."""
    title = "Your own sentences"
    key = f"sidebar-upload-{session.visitor().generation}"  # closed where the table is taken into use
    menu = st.popover(title, icon=":material/upload_file:", width="stretch", key=key, on_change="rerun")
    last = session.visitor().part(_LastUpload)
    if not menu.open:
        hosts.drop_upload(last.id)  # of a field that is gone with the popover
        return
    with menu:
        theme.quiet(
            "A table (CSV, TSV, JSON, JSON lines or Parquet) with one column a language, named by its code (en, es), "
            "every row the same sentence. A column named split says which rows find the neurons (probe) and which are "
            "measured (evaluation); without it the first half is the probe."
        )
        hosts.offer_upload()
        file = st.file_uploader("Table", type=[*KINDS, "gz"], key=f"upload-{session.visitor().generation}")
        if file is not None and file.file_id != last.id:
            hosts.drop_upload(last.id)  # of an earlier field, or of the file before in this one
            _take(file.file_id, file.name, file.getvalue())
        table = last.taken
        if isinstance(table, AskError):
            if file is not None:
                theme.problem(f"{file.name}: {table.why}. {table.instead}")
            return
        if table is None:
            return
        theme.quiet(
            f"{last.name}: {counted(table.n_probe, 'row')} to find the neurons and {counted(table.n_measured, 'row')} "
            f"to measure, in {', '.join(table.languages)}."
        )
        for note in table.notes:
            theme.quiet(note)
        if chosen.corpus == table.spec:
            theme.quiet("In use.")
        elif st.button("Use these sentences", type="primary", width="stretch"):
            target = chosen.target if chosen.target in table.languages else table.languages[0]
            session.visitor().set(
                replace(
                    chosen,
                    corpus=table.spec,
                    target=target,
                    targets=targets_in(chosen.targets, table.languages),
                    languages=None,
                    probe_languages=None,
                    probe_corpus=None,
                    probe_sentences=None,
                    eval_sentences=None,
                )
            )
            st.rerun()


def targets_in(targets: tuple[str, ...] | None, languages: tuple[str, ...]) -> tuple[str, ...] | None:
    """Those of some targets that a table has: its languages, families with some of them, and all; None where none."""
    return tuple(name for name in targets or () if _has(languages, name)) or None


def _has(languages: tuple[str, ...], name: str) -> bool:
    try:
        return not {*languages}.isdisjoint(rows.meant(name, languages))
    except AskError:  # a link may name what is no language
        return False


@dataclass(frozen=True)
class _UploadSummary:
    """What is said of an uploaded table: without its sentences, which would stay in memory as long as the tab."""

    spec: str
    n_probe: int
    n_measured: int
    languages: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass
class _LastUpload:
    """The table that this visitor uploaded last, read once: a page is drawn at every control.

    It can be used for as long as the tab is open, also when the field that it came by is gone.
    """

    id: str = ""
    name: str = ""
    taken: _UploadSummary | AskError | None = None


def _take(id_: str, name: str, content: bytes) -> None:
    """As `take`, once an upload; on a public server it becomes this visitor's alone."""
    visitor = session.visitor()
    last = visitor.part(_LastUpload)
    owner = visitor.name if access.current().public else None
    last.id, last.name, last.taken = id_, name, None  # also where reading it ends in no answer
    try:
        spec, corpus = take(name, content, process.engine().store.root / FOLDER, owner)
        n_measured = max(map(len, corpus.evaluation), default=0)
        last.taken = _UploadSummary(spec, len(corpus.probe or ()), n_measured, corpus.languages, corpus.every_note)
    except AskError as refusal:
        last.taken = refusal
    else:
        hosts.drop_upload(id_)  # it is kept in the cache
        if owner is not None:
            visitor.uploads.add(last.taken.spec)


def take(name: str, content: bytes, folder: Path, owner: str | None = None) -> tuple[str, Corpus]:
    """Keep an uploaded table and read it.

    Parameters
    ----------
    name : str
        As it was uploaded: its ending says how it is read, and errors call it so.
    owner : str, optional
        As in `core.corpora.user_tables.keep_table`.
    folder : Path
        Where uploads are kept, under the digest of their content: the same table twice is one file, called as it was
        last.

    Returns
    -------
    spec : str
        ``upload:ID``: no path of this machine's.
    corpus : Corpus

    Raises
    ------
    CorpusError
        Where it cannot be read as a table of sentences, with the line; then nothing is kept.
    """
    packed = Path(name).suffix.lower() == ".gz"
    ending = Path(name.removesuffix(Path(name).suffix) if packed else name).suffix.lower()
    if ending not in READERS:
        raise AskError(
            f"table {name!r}", f"its name does not end in one of {', '.join(KINDS)}", "Save it as one of them."
        )
    if len(content) > LARGEST:
        why = f"it has {len(content):,} bytes, more than the {LARGEST:,} that are taken here"
        instead = "Name its place as table:FILE under Sentences instead" if owner is None else "Take fewer rows"
        raise AskError(f"table {name!r}", why, instead)
    if owner is not None and quota.uploaded(folder.parent) > 2 * quota.UPLOADS_SHARE * quota.limit(folder.parent):
        why = "this server has no room for more uploads at present"
        raise AskError(f"table {name!r}", why, "Try again later, or tell whoever runs it.")
    corpus = keep_table(content, f"{ending}.gz" if packed else ending, folder, name, owner)
    kept = Path(corpus.spec.partition(":")[2]).name
    access.entitle(folder / kept, re.split(r"[/\\]", name)[-1])
    return f"{access.UPLOAD}{kept}", corpus
