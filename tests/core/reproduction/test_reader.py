"""A report's folder that somebody else has prepared: its names cannot lead out of it, and its shapes are checked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import SettingError
from core.reproduction.reader import included, read

Content = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the report that comes with the project, beside a file that is none of its own."""
    (tmp_path / "private.csv").write_text("secret\nhunter2\n", encoding="utf-8")
    return Path(shutil.copytree(included(), tmp_path / "report", ignore=shutil.ignore_patterns("figures", "*.html")))


def change(folder: Path, how: Callable[[Content], object]) -> None:
    content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    how(content)
    (folder / "report.json").write_text(json.dumps(content), encoding="utf-8")


def refusal(folder: Path) -> str:
    with pytest.raises(SettingError) as caught:
        read(folder)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


def test_the_included_report_is_read(folder: Path) -> None:
    written = read(folder)
    assert set(written.tables) == {path.stem for path in folder.glob("*.csv")} - {"comparison"} | {"projection"}
    for name, table in written.tables.items():
        if name != "projection":
            expected = pd.read_csv(folder / f"{name}.csv", keep_default_na=False, na_values=[""])
            pd.testing.assert_frame_equal(table, expected)
    pd.testing.assert_frame_equal(written.tables["projection"], pd.read_parquet(folder / "projection.parquet"))


@pytest.mark.parametrize(
    "name", ["../private.csv", "{0}/private.csv", "a/../../private.csv", "private", ".csv", "x\0.csv"]
)
def test_no_name_of_a_table_leads_out(folder: Path, name: str) -> None:
    name = name.format(folder.parent)
    change(folder, lambda content: content["items"]["experts"].update(tables=[name]))
    assert "is not the name of a table" in refusal(folder)


def test_no_link_leads_out(folder: Path) -> None:
    (folder / "experts.csv").unlink()
    (folder / "experts.csv").symlink_to(folder.parent / "private.csv")
    assert "is not the name of a table in this folder" in refusal(folder)
    (folder.parent / "report.json").write_text((folder / "report.json").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "report.json").unlink()
    (folder / "report.json").symlink_to(folder.parent / "report.json")
    assert "leads out of the folder" in refusal(folder)


@pytest.mark.parametrize(
    "how",
    [
        lambda content: content.update(items=[]),
        lambda content: content.update(notes=[{}]),
        lambda content: content.update(comparison=["x"]),
        lambda content: content.update(seconds_by_step={"x": "y"}),
        lambda content: content["items"]["experts"].pop("title"),
        lambda content: content["items"]["experts"].update(tables="experts.csv"),
        lambda content: content["verdicts"].append("held"),
        lambda content: content["verdicts"][0].update(text=["a"]),
    ],
)
def test_a_summary_of_another_shape_is_refused(folder: Path, how: Callable[[Content], object]) -> None:
    change(folder, how)
    assert "of another kind" in refusal(folder)


def test_json_that_is_too_deep_and_tables_that_unpack_to_too_much_are_refused(folder: Path) -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000_001, pa.int32()), pa.array(["a word"]))
    pq.write_table(pa.table({"x": column}), folder / "projection.parquet", compression="zstd")
    assert "2,000,001 rows" in refusal(folder)
    (folder / "report.json").write_text("[" * 100_000, encoding="utf-8")
    assert "is not JSON" in refusal(folder)
