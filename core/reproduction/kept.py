"""Items that a report's folder holds and that are not measured again, on whatever machine they were."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import SettingError
from core.reproduction import reader
from core.reproduction.item import Item
from core.reproduction.items import ITEMS
from core.reproduction.settings import Settings

ALL = ("all",)


@dataclass(frozen=True)
class KeptItem:
    """One item of a folder.

    Attributes
    ----------
    tables : dict of str to DataFrame
        By the name of their file.
    measured : mapping
        When, by which version and on which machine, as `core.reproduction.report.Report` writes it; of a report that
        does not say it of every item, when it was written.
    """

    tables: dict[str, pd.DataFrame]
    measured: Mapping[str, Any]


def kept(folder: Path, names: Sequence[str], settings: Settings, again: Collection[str] = ()) -> dict[str, KeptItem]:
    """Read items of a report's folder.

    Parameters
    ----------
    names : sequence of str
        Of items, or `ALL` of those that the folder holds.
    settings : Settings
        Of the reproduction that they become part of.
    again : collection of str
        Items that are to be measured again: `ALL` leaves them out.

    Raises
    ------
    SettingError
        If an item is both kept and measured again, or neither, and would be lost; if the folder holds no report, a
        report without one of the items, or a table that cannot be read, if one of several items that share a table is
        left out, or if one was measured under other conditions.
    """
    if not names:
        _refuse_loss(folder, again)
        return {}
    written = reader.read(folder)
    measured = [name for name, item in written.content["items"].items() if item["state"] == "measured"]
    rest = [name for name in measured if name in _known() and name not in again]
    wanted = rest if tuple(names) == ALL else list(dict.fromkeys(names))
    if both := [name for name in wanted if name in again]:
        raise SettingError(
            f"keep {', '.join(both)}, and measure it again", "it is named in both", "Name it in --keep or in --items."
        )
    missing = [name for name in wanted if name not in measured or name not in _known()]
    if missing:
        raise SettingError(
            f"keep {', '.join(missing)} of the report in {folder}",
            f"what it holds is {', '.join(name for name in measured if name in _known()) or 'nothing'}",
            "Keep some of these, or all.",
        )
    items = written.content["items"]
    _check_together(folder, {name: items[name]["tables"] for name in measured}, wanted)
    for item in ITEMS:
        if item.name in wanted:
            _check_conditions(folder, item, written.content["settings"], settings.to_dict())
    return {
        name: KeptItem(
            {Path(table).stem: written.tables[Path(table).stem] for table in items[name]["tables"]},
            items[name].get("measured") or {"date": str(written.content["written"])[:10]},
        )
        for name in wanted
    }


def _check_together(folder: Path, tables: Mapping[str, Sequence[str]], wanted: Sequence[str]) -> None:
    """Items that write the same table are kept together: one that is measured again would be written over."""
    files = {file for name in wanted for file in tables[name]}
    others = [name for name, made in tables.items() if name not in wanted and files & set(made)]
    if others:
        raise SettingError(
            f"keep {', '.join(wanted)} of the report in {folder}, but not {', '.join(others)}",
            "they share a table",
            "Keep all of these, or none.",
        )


def _check_conditions(folder: Path, item: Item, measured: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """A report states each setting once, for all of its items."""
    usual = Settings().to_dict()  # of reports that are older than a setting
    for name in item.conditions:
        if (before := measured.get(name, usual[name])) != asked[name]:
            raise SettingError(
                f"keep {item.name} of the report in {folder}",
                f"it was measured with {_said(name, before)}, and now there is {_said(name, asked[name])}",
                f"Leave {item.name} out of --keep, or ask for what it was measured with.",
            )


def _said(name: str, value: Any) -> str:
    """A condition in words."""
    words, text = name.replace("_", " "), ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"no {words}" if value is None or value == [] else f"{words} {text}"


def _refuse_loss(folder: Path, again: Collection[str]) -> None:
    """Refuse to write a report of some items over one that has others."""
    if not again or not (folder / reader.REPORT).is_file():
        return
    items = reader.read(folder).content["items"]
    if lost := [name for name, item in items.items() if item["state"] == "measured" and name not in again]:
        raise SettingError(
            f"write {', '.join(again)} into {folder}",
            f"the report there has {', '.join(lost)}, which would be lost",
            "Keep them with --keep all, or name another folder.",
        )


def _known() -> set[str]:
    return {item.name for item in ITEMS}
