"""What is asked to be written is refused before any work, where it cannot be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import SettingError
from core.inference.writing import Writing


@pytest.mark.parametrize(
    "changes", [{"tokens": 0}, {"samples": 500}, {"temperature": -1}, {"top_p": 0}, {"top_p": 1.1}, {"seed": -1}]
)
def test_refuses_what_cannot_be_written(changes: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        replace(Writing(), **changes).check()  # type: ignore[arg-type]
