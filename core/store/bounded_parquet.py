"""Reads Parquet that comes from elsewhere: what it says of itself is checked first, and reading stops where it lied.

Parquet packs repeated values so well that a file of 818 bytes can unpack to gigabytes.
"""

from __future__ import annotations

from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

MOST_CELLS = 2_000_000
MOST_BYTES = 1 << 28
"""What a table may hold, unpacked: as objects of Python it takes some ten times as much."""

_BATCH = 8192  # rows that are unpacked together at most


class TooLargeError(ValueError):
    """The table holds more than is read."""


def read(source: BinaryIO | Any, most_cells: int = MOST_CELLS, most_bytes: int = MOST_BYTES) -> pa.Table:
    """Read a table.

    Parameters
    ----------
    source : file or pyarrow.Buffer
    most_cells, most_bytes : int
        What the table may hold, by its own account and in fact.

    Raises
    ------
    TooLargeError
        If it holds more.
    pyarrow.ArrowException, OSError
        If it cannot be read.
    """
    stated = pq.ParquetFile(source, pre_buffer=False)
    _check_account(stated.metadata, most_cells, most_bytes)
    columns = [stated.schema.column(number) for number in range(stated.metadata.num_columns)]
    texts = [column for column in columns if column.physical_type == "BYTE_ARRAY"]
    # A text that repeats stays in memory once until it is known how long all of them are together.
    flat = [column.path for column in texts if column.path in stated.schema_arrow.names]
    file = pq.ParquetFile(source, pre_buffer=False, read_dictionary=flat)
    rows = _BATCH if len(flat) == len(texts) else _rows_at_once(stated.metadata, most_bytes)
    batches, held, expanded, cells = [], 0, 0, 0
    for batch in file.iter_batches(rows, use_threads=False):
        held += batch.nbytes
        expanded += sum(map(_expanded, batch.columns))
        cells += batch.num_rows * batch.num_columns
        if max(held, expanded) > most_bytes or cells > most_cells:
            raise TooLargeError(f"it unpacks to more than {most_bytes:,} bytes or {most_cells:,} cells")
        batches.append(batch)
    if not batches:
        return stated.schema_arrow.empty_table()
    table = pa.Table.from_batches(batches)
    for position, column in enumerate(stated.schema_arrow):
        if table.schema.field(position).type != column.type:
            table = table.set_column(position, column, table.column(position).cast(column.type))
    return table.replace_schema_metadata(stated.schema_arrow.metadata)


def _check_account(metadata: pq.FileMetaData, most_cells: int, most_bytes: int) -> None:
    """Refuse what a file says of itself."""
    cells = metadata.num_rows * max(metadata.num_columns, 1)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    values = sum(group.column(n).num_values for group in groups for n in range(group.num_columns))
    size = sum(group.total_byte_size for group in groups)
    if max(cells, values) > most_cells:
        raise TooLargeError(f"it has {metadata.num_rows:,} rows of {metadata.num_columns:,} columns")
    if size > most_bytes:
        raise TooLargeError(f"it unpacks to {size:,} bytes")


def _rows_at_once(metadata: pq.FileMetaData, most_bytes: int) -> int:
    """How many rows can be unpacked together if each is as large as its whole column: of one that is a dictionary."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    largest = max((group.total_byte_size for group in groups), default=1)
    return min(max(most_bytes // 4 // max(largest, 1), 1), _BATCH)


def _expanded(column: pa.Array) -> int:
    """Bytes of a column when every text that stands once for many rows is written out."""
    if pa.types.is_struct(column.type):
        return sum(_expanded(column.field(number)) for number in range(column.type.num_fields))
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary).fill_null(0)
    counts = pc.value_counts(column.indices.drop_null())
    return int(
        pc.sum(pc.multiply(lengths.take(counts.field("values")).cast(pa.int64()), counts.field("counts"))).as_py() or 0
    )
