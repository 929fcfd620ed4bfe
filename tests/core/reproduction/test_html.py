"""Tables on the page."""

from __future__ import annotations

import pandas as pd

from core.reproduction.html import table_html


def test_a_table_shows_markup_as_text() -> None:
    assert "&lt;b&gt;" in table_html(pd.DataFrame({"<b>": ["<b>"]}))
