"""Reads a report's folder."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from core.errors import SettingError
from core.location import checkout
from core.store import bounded_parquet

REPORT = "report.json"
"""The file that says what a report's folder holds."""

_INSTEAD = "Name a folder that python -m core reproduce --out wrote."
_TABLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\.(csv|parquet)")
_MOST_BYTES = 200_000_000  # of a file; the largest that was ever written has a tenth of it
_SHAPE: Mapping[str, type] = {
    "settings": dict,
    "conditions": dict,
    "items": dict,
    "verdicts": list,
    "comparison": list,
    "notes": list,
    "seconds_by_step": dict,
    "written": str,
}


@dataclass(frozen=True)
class ReportContent:
    """The content of a report's folder.

    Attributes
    ----------
    content : mapping
        Of ``report.json``.
    tables : dict of str to DataFrame
        By the name of their file without its ending; those of the items that are measured.
    """

    content: Mapping[str, Any]
    tables: dict[str, pd.DataFrame]


def included() -> Path:
    """Give the folder of the report that comes with the project, on the embedded model."""
    root = checkout()
    return root / "docs" / "reproduction" if root else Path(__file__).with_name("included")


def summary(folder: Path) -> dict[str, Any]:
    """Read ``report.json``.

    Raises
    ------
    SettingError
        If it is not there, or is none that ``reproduce`` wrote.
    """
    request, path = _request(folder), folder / REPORT
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise SettingError(request, "its report.json is a link that leads out of the folder", _INSTEAD)
        if path.stat().st_size > _MOST_BYTES:
            raise SettingError(request, f"its report.json has more than {_MOST_BYTES:,} bytes", _INSTEAD)
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(request, f"{path}: {error.strerror or error}", _INSTEAD) from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, SettingError):
            raise
        raise SettingError(request, f"its report.json is not JSON ({error})", _INSTEAD) from error
    if not isinstance(content, dict) or not {"settings", "conditions", "items", "verdicts"} <= set(content):
        raise SettingError(request, "its report.json is of another kind", _INSTEAD)
    return content


def read(folder: Path, items: Collection[str] | None = None) -> ReportContent:
    """Read the summary and all tables.

    Parameters
    ----------
    items : collection of str, optional
        Read the tables of these items alone.

    Raises
    ------
    SettingError
        Where one is missing, cannot be read, or has a name that could lead out of the folder.
    """
    content = summary(folder)
    if fault := _fault(content):
        raise SettingError(_request(folder), f"its report.json is of another kind: {fault}", _INSTEAD)
    wanted = [item for name, item in content["items"].items() if items is None or name in items]
    names = [name for item in wanted for name in item["tables"]]
    tables = {}
    for name in dict.fromkeys(names):
        try:
            tables[Path(name).stem] = table(_inside(folder, name))
        except (OSError, ValueError, pa.ArrowException) as error:
            raise SettingError(
                _request(folder), f"{name!r}: {error}", "Run python -m core reproduce into it again."
            ) from error
    return ReportContent(content, tables)


def table(path: Path) -> pd.DataFrame:
    """Read one table; only an empty field counts as missing, so that a language can be called ``na``."""
    if path.suffix == ".parquet":
        with path.open("rb") as file:
            frame: pd.DataFrame = bounded_parquet.read(file).to_pandas(use_threads=False)
        return frame
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def _request(folder: Path) -> str:
    return f"read the report in {folder}"


def _inside(folder: Path, name: str) -> Path:
    """The file of a table, which must be one of the folder's own."""
    path = folder / name
    if not _TABLE.fullmatch(name) or not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError("it is not the name of a table in this folder")
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES:,} bytes")
    return path


def _fault(content: Mapping[str, Any]) -> str:
    """What in a summary has not the shape that ``reproduce`` gives it; empty if all has."""
    for name, kind in _SHAPE.items():
        if not isinstance(content.get(name), kind):
            return name
    for name, item in content["items"].items():
        if not _has_texts(item, "title", "state", "why") or not _are(str, item.get("tables")):
            return f"the item {name!r}"
    if not all(_has_texts(verdict, "item", "claim", "state", "text") for verdict in content["verdicts"]):
        return "verdicts"
    if not _are(dict, content["comparison"]) or not _are(str, content["notes"]):
        return "comparison or notes"
    return "" if _are((int, float), list(content["seconds_by_step"].values())) else "seconds_by_step"


def _has_texts(value: Any, *names: str) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in names)


def _are(kind: type | tuple[type, ...], values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)
