"""Reads a report's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import SettingError
from core.location import checkout


@dataclass(frozen=True)
class Written:
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
    request, path = f"read the report in {folder}", folder / "report.json"
    instead = "Name a folder that python -m core reproduce --out wrote."
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(request, f"{path}: {error.strerror or error}", instead) from error
    except ValueError as error:
        raise SettingError(request, f"its report.json is not JSON ({error})", instead) from error
    if not isinstance(content, dict) or not {"settings", "conditions", "items", "verdicts"} <= set(content):
        raise SettingError(request, "its report.json is of another kind", instead)
    return content


def read(folder: Path) -> Written:
    """Read the summary and all tables; raises `SettingError` where one is missing or cannot be read."""
    content = summary(folder)
    names = [name for item in content["items"].values() for name in item["tables"]]
    tables = {}
    for name in dict.fromkeys(names):
        try:
            tables[Path(name).stem] = table(folder / name)
        except (OSError, ValueError) as error:
            raise SettingError(
                f"read the report in {folder}", f"{name}: {error}", "Run python -m core reproduce into it again."
            ) from error
    return Written(content, tables)


def table(path: Path) -> pd.DataFrame:
    """Read one table; only an empty field counts as missing, so that a language can be called ``na``."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, keep_default_na=False, na_values=[""])
