"""Small tables in HTML, which objects show of themselves in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]], below: Iterable[str] = ()) -> str:
    """Write a table that a screen reader can walk through; all text is escaped.

    Parameters
    ----------
    columns : sequence of str
        Their headings.
    rows : iterable of sequence
        Cells as they are to be read; the first is the row's heading.
    below : iterable of str
        Paragraphs under the table.
    """
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th>'
        + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in rows
    )
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in below)
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"{paragraphs}"
    )
