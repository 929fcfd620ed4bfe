"""Neurons that are named: which names are files, and how they are shown."""

from __future__ import annotations

import pytest

from core.experiment.named_neurons import files, in_short, names_files


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        (None, False),
        ("12:down_proj:33", False),
        ("12:down_proj:33=4.2 or 3:up_proj:0", False),
        ("/etc/passwd", True),
        ("12:down_proj:33 and experts.csv", True),
        ("masks.pth#2", True),
    ],
)
def test_a_file_is_told_from_a_neuron(spec: str | None, named: bool) -> None:
    assert names_files(spec) == named


def test_a_spec_is_shown_without_folders() -> None:
    spec = " /home/anna/es.csv or 1:down_proj:2=3 without /else/fr.csv "
    assert in_short(spec) == "es.csv or 1:down_proj:2=3 without fr.csv"
    assert files(spec) == ["/home/anna/es.csv", "1:down_proj:2=3", "/else/fr.csv"]
    assert files(None) == []
    many = " " * 200_000  # a link may say so, and tries nothing twice
    assert files(f"1:a:1{many}b") == [f"1:a:1{many}b"]
