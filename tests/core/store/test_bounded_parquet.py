"""Parquet that unpacks to more than is read is refused, whatever it says of itself; other Parquet is as it was."""

from __future__ import annotations

import io
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.store import bounded_parquet
from core.store.bounded_parquet import TooLargeError


def packed(table: pa.Table, **options: object) -> io.BytesIO:
    file = io.BytesIO()
    pq.write_table(table, file, **({"compression": "zstd"} | options))
    file.seek(0)
    return file


def repeated(value: object, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([value]))


@pytest.mark.parametrize("groups", [3, 1000])
def test_a_table_is_as_pyarrow_reads_it(groups: int) -> None:
    table = pa.table(
        {
            "en": [*(f"word {row % 7}" for row in range(20)), None],
            "bytes": pa.array([b"\xff"] * 21, pa.binary()),
            "number": range(21),
            "time": pa.array([datetime(2020, 1, 1)] * 21, pa.timestamp("us")),
            "pair": [{"de": f"Wort {row}", "fr": None} for row in range(21)],
            "list": [["a"] * (row % 3) for row in range(21)],
        }
    )
    assert bounded_parquet.read(packed(table, row_group_size=groups)) == table
    assert bounded_parquet.read(packed(table.slice(0, 0))) == table.slice(0, 0)


def test_many_rows_of_one_value_are_refused_unread() -> None:
    file = packed(pa.table({"en": repeated("a word", 3_000_000)}))
    assert len(file.getvalue()) < 20_000
    with pytest.raises(TooLargeError, match="3,000,000 rows"):
        bounded_parquet.read(file)


@pytest.mark.parametrize("nested", [False, True])
def test_a_long_value_that_repeats_stops_the_reading(nested: bool) -> None:
    column = repeated("long " * 100_000, 2_000)  # a gigabyte
    table = pa.table({"en": column})
    if nested:
        table = pa.table({"pair": pa.StructArray.from_arrays([column], ["en"])})
    file = packed(table)
    assert len(file.getvalue()) < 10_000
    before = pa.total_allocated_bytes()
    with pytest.raises(TooLargeError):
        bounded_parquet.read(file)
    assert pa.default_memory_pool().max_memory() - before < 3 * bounded_parquet.MOST_BYTES


def test_a_list_of_many_nulls_is_refused() -> None:
    lists = pa.ListArray.from_arrays(pa.array([0, 3_000_000], pa.int32()), pa.nulls(3_000_000, pa.string()))
    with pytest.raises(TooLargeError):
        bounded_parquet.read(packed(pa.table({"en": lists})))
