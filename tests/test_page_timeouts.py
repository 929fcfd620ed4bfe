"""Streamlit gives a page three seconds to be drawn unless told otherwise; a busy machine needs more."""

from __future__ import annotations

import ast
from pathlib import Path


def test_every_page_without_a_browser_is_given_time() -> None:
    hurried = [
        f"{path}:{call.lineno}"
        for path in sorted(Path(__file__).parent.rglob("*.py"))
        if "AppTest." in (text := path.read_text(encoding="utf-8"))
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "AppTest"
        and "default_timeout" not in {keyword.arg for keyword in call.keywords}
    ]
    assert hurried == [], "use `page_of` of tests/helpers/pages.py, or give default_timeout=LONG"
