"""The report's folder: tables, figures, ``report.json`` and ``report.html``, written again after every item."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from core import machine
from core.charts import export
from core.errors import AskError, SettingError
from core.experiment.plan import Plan
from core.experiment.plan import plan as bind
from core.inference.perplexity import STRIDE, WINDOW
from core.pipeline.joint_map import n_fitted, n_points
from core.reproduction import published
from core.reproduction.charts.figure import Figure
from core.reproduction.comparison import comparison
from core.reproduction.html import Section, page
from core.reproduction.item import Item
from core.reproduction.items import ITEMS
from core.reproduction.kept import KeptItem
from core.reproduction.reader import summary
from core.reproduction.settings import Settings, unclassified
from core.reproduction.steps import StepRunner
from core.reproduction.study import Study
from core.reproduction.verdicts import Verdict, verdicts
from core.store.disk import whole, write_whole
from core.version import __version__

SCHEMA = 1
# Settings whose change changes the numbers; folders of language pairs and the sweep only add numbers.
_DETERMINE = ("targets", "languages", "experts", "sentences", "probe_sentences", "seed")

Drawn = tuple[Figure, bytes, bytes]
"""A figure, as SVG and as PNG."""


class Report:
    """Writes the report from the results so far.

    Attributes
    ----------
    left_out, failed : dict of str to str
        Items that these settings do not ask for, and those that could not be measured, each with the reason.
    """

    def __init__(self, folder: Path, study: Study) -> None:
        self.folder, self.study = folder, study
        self.left_out: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self._done: dict[str, tuple[list[str], list[Figure]]] = {}  # tables and figures, by item
        self._measured: dict[str, Mapping[str, Any]] = {}  # when and on which machine, by item
        self._compared, self._judged = pd.DataFrame(), list[Verdict]()  # of the tables at the last writing
        self._before = self._read()
        self._costs = {account: self.earlier(account) for account in ("seconds_by_step", "seconds_by_stage")}

    @staticmethod
    def comparable(settings: Settings, plan: Plan) -> dict[str, Any]:
        """Return, as JSON values, what two reproductions must have in common to share a folder."""
        described, values = plan.describe(), settings.to_dict()
        digests = {name: described[name] for name in ("model_digest", "corpus_digest", "dtype")}
        return {name: values[name] for name in _DETERMINE} | digests

    def earlier(self, account: str) -> dict[str, float]:
        """Return the seconds that earlier runs into this folder took: ``seconds_by_step`` or ``seconds_by_stage``."""
        return {str(name): float(value) for name, value in self._before.get(account, {}).items()}

    def leave_out(self, item: Item, why: str) -> None:
        """Record that an item is not requested."""
        self.left_out[item.name] = why

    def fail(self, item: Item, why: str) -> None:
        """Record that an item could not be measured."""
        self.failed[item.name] = why
        self.write()

    def spent(self, runner: StepRunner) -> None:
        """Record the time that the steps took, at once, so that it is not lost if the next step is killed."""
        self._costs = {"seconds_by_step": runner.by_step, "seconds_by_stage": runner.by_stage}
        if self._done:
            self._write_json()

    def add(self, item: Item) -> None:
        """Write an item's tables and figures, and the report with them."""
        about = {"date": datetime.now(UTC).date().isoformat(), "version": __version__, **machine.described()}
        tables = dict(item.tables(self.study))
        self.study.tables.update(tables)
        self._put(item.name, tables, _drawn(item.figures(self.study.tables)), about)
        self.write()

    def keep(self, found: Mapping[str, KeptItem]) -> None:
        """Take items from the folder as they are, all at once: a run that stops later, or is refused, loses none.

        Raises
        ------
        SettingError
            If an item's tables are of an earlier form, which figures and verdicts cannot be made from. Then nothing is
            written.
        """
        drawn = {item.name: self._figures_of(item, found[item.name]) for item in ITEMS if item.name in found}
        for name, images in drawn.items():
            self._put(name, found[name].tables, images, found[name].measured)
        self.write()

    def _figures_of(self, item: Item, found: KeptItem) -> list[Drawn]:
        self.study.tables.update(found.tables)
        try:
            verdicts(self.study.tables)
            comparison(self.study.tables)
            return _drawn(item.figures(self.study.tables))
        except (LookupError, ValueError, TypeError, AttributeError) as error:
            raise SettingError(
                f"keep the item {item.name} of {self.folder}",
                f"its tables are of an earlier form ({error})",
                "Leave it out of --keep, so that it is measured again.",
            ) from error

    def _put(self, name: str, tables: Mapping[str, pd.DataFrame], drawn: list[Drawn], about: Mapping[str, Any]) -> None:
        """Write an item's tables and figures, which the report has from its next writing on."""
        for table, frame in tables.items():
            _write_table(self.folder / _file_of(table), frame)
        (self.folder / "figures").mkdir(exist_ok=True)
        for figure, svg, png in drawn:
            write_whole(self.folder / "figures" / f"{figure.name}.svg", svg)
            write_whole(self.folder / "figures" / f"{figure.name}.png", png)
        self._done[name] = ([_file_of(table) for table in tables], [figure for figure, _, _ in drawn])
        self._measured[name] = about

    def finish(self) -> None:
        """Write the report for the last time."""
        self.write()

    def write(self) -> None:
        """Write the report from the results so far."""
        self._compared, self._judged = comparison(self.study.tables), verdicts(self.study.tables)
        _write_table(self.folder / "comparison.csv", self._compared)
        self._write_json()
        sections = [
            Section(
                item.name,
                item.title,
                self._done.get(item.name, ([], []))[1],
                self._done.get(item.name, ([], []))[0],
                [verdict for verdict in self._judged if verdict.item == item.name],
                self._compared[self._compared["item"] == item.name],
                self._missing(item),
                _in_words(self._measured.get(item.name, {})),
            )
            for item in ITEMS
        ]
        html = page(
            self.folder,
            self._settings() | self._conditions(),
            self.notes(),
            sections,
            self._costs["seconds_by_step"],
            self._costs["seconds_by_stage"],
        )
        write_whole(self.folder / "report.html", html.encode())

    def in_words(self) -> list[str]:
        """List what held and what did not, a line for each claim."""
        return [
            f"{verdict.state or 'beyond':<12}  {verdict.claim}\n              {verdict.text}"
            for verdict in verdicts(self.study.tables)
        ]

    def notes(self) -> list[str]:
        """List what a reader must know."""
        settings, plan = self.study.settings, self.study.plan
        notes = [
            *plan.notes,
            f"Experts by AUROC of responses pooled by the mean over tokens, without the tokenizer's first token; seed "
            f"{settings.seed}. Random neurons are one draw.",
            "Intervals are 95%: Wilson for one share, bootstrap over sentences for means. Changes of a share are "
            "tested by McNemar's exact test, those of distances and differences from rivals by Wilcoxon's signed "
            "ranks; all are adjusted by Holm.",
            "The best layer of the unmodified model is chosen on the evaluation rows that it is measured on, which "
            "favours it; for rivals, layers are chosen on probe rows.",
            f"Text for each k: {settings.seeds} seeds of {settings.texts} texts of {settings.text_tokens} tokens; "
            f"perplexity on the first {_held_out(settings, len(plan.groups[0]))} (the paper: 8 seeds of 256 "
            f"texts; Wikipedia), in windows of {WINDOW:,} tokens with stride {STRIDE}.",
            _compared(settings.method_sentences, len(plan.groups[0])),
            "The medoid is the sentence embedding with the least summed cosine distance to all others.",
        ]
        notes += [f"Transfer: {note}" for note in self._of_transfer() if note not in plan.notes]
        if (shown := n_fitted(plan)) < (points := n_points(plan)):
            notes.append(f"The maps show {shown:,} of {points:,} sentences; every number is computed from all of them.")
        if unknown := unclassified(settings):
            notes.append(f"The classifier of languages does not know {', '.join(unknown)}.")
        return notes

    def _of_transfer(self) -> tuple[str, ...]:
        """The notes on the sentences of transfer; none where it has no others, or they are not at hand."""
        settings = self.study.settings
        if settings.transfer_corpus is None or "transfer" not in self._done:
            return ()
        try:
            return bind(settings.transfer(self.study.targets[0])).notes
        except AskError:  # the item is kept, and its sentences are on another machine
            return ()

    def _missing(self, item: Item) -> str:
        if item.name in self._done:
            return ""
        return self.left_out.get(item.name) or self.failed.get(item.name) or "Not yet measured."

    def _settings(self) -> dict[str, Any]:
        """The settings, with every default filled in."""
        return self.study.settings.to_dict() | self.comparable(self.study.settings, self.study.plan)

    def _conditions(self) -> dict[str, Any]:
        """What the settings mean on this model and corpus."""
        described = self.study.plan.describe()
        names = ("n_layers", "n_neurons", "model_revision", "device", "probe_languages", "probe_sentences")
        return {name: described[name] for name in (*names, "eval_sentences")}

    def _write_json(self) -> None:
        items = {
            item.name: {
                "title": item.title,
                "state": "measured" if item.name in self._done else "missing",
                "why": self._missing(item),
                "measured": self._measured.get(item.name),
                "tables": self._done.get(item.name, ([], []))[0],
                "figures": [
                    {"name": figure.name, "caption": figure.caption}
                    for figure in self._done.get(item.name, ([], []))[1]
                ],
            }
            for item in ITEMS
        }
        content = {
            "schema": SCHEMA,
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "published": published.SOURCE,
            "settings": self._settings(),
            "conditions": self._conditions(),
            "notes": self.notes(),
            "items": items,
            "verdicts": [vars(verdict) for verdict in self._judged],
            "comparison": _records(self._compared),
            **{name: {k: round(v, 2) for k, v in spent.items()} for name, spent in self._costs.items()},
        }
        write_whole(
            self.folder / "report.json",
            (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode(),
        )

    def _read(self) -> dict[str, Any]:
        return summary(self.folder) if (self.folder / "report.json").exists() else {}


def _drawn(figures: Iterable[Figure]) -> list[Drawn]:
    return [(figure, export.svg(figure.chart), export.png(figure.chart)) for figure in figures]


def _in_words(measured: Mapping[str, Any]) -> str:
    """When and on which machine an item was measured; empty of one that is not."""
    if not measured:
        return ""
    version = f", version {measured['version']}" if "version" in measured else ""
    where = ", ".join(str(measured[name]) for name in ("gpu", "processor", "system") if name in measured)
    return f"Measured on {measured['date']}{version}" + (f", on {where}." if where else ".")


def _held_out(settings: Settings, rows: int) -> str:
    """How many texts perplexity is measured on, and which; a file may have fewer, an evaluation set has ``rows``."""
    most = settings.perplexity_sentences
    if settings.perplexity_texts is None:
        return f"{min(most, rows):,} evaluation sentences"
    return f"paragraphs, {most:,} at most, of each language's file in {settings.perplexity_texts.name}"


def _compared(asked: int, rows: int) -> str:
    """Which rows methods and scores are compared on."""
    if asked >= rows:
        return f"Methods and scores are compared on all {rows:,} evaluation rows."
    return (
        f"Methods and scores are compared on the first {asked:,} of {rows:,} evaluation rows; fewer candidates make "
        "retrieval easier than in the other items."
    )


def _file_of(table: str) -> str:
    """The file of a table: CSV, but Parquet for a map, which has a row for each sentence."""
    return f"{table}.parquet" if table == "projection" else f"{table}.csv"


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(k): None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        for row in frame.to_dict("records")
    ]


def _write_table(path: Path, frame: pd.DataFrame) -> None:
    with whole(path) as temporary:
        if path.suffix == ".parquet":
            frame.to_parquet(temporary, index=False)
        else:
            frame.to_csv(temporary, index=False)
