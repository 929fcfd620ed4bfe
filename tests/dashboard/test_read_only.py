"""A server that only shows: what the cache has opens, the rest is refused, and nothing in the cache changes."""

from __future__ import annotations

import sys
from pathlib import Path

from core.cli.main import main
from tests.helpers.browsing import options_of, serving
from tests.helpers.command_line import ROOT
from tests.helpers.raw_visitor import visiting
from tests.helpers.store import tree


def test_what_is_known_opens_and_nothing_is_written(tiny_link: dict[str, str], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert main(["run", *options_of(tiny_link), "--cache", str(cache), "--json", str(tmp_path / "out.json")]) == 0
    before = tree(cache)
    command = (sys.executable, "-m", "dashboard", "--read-only", "--cache", str(cache))
    with serving(tmp_path / "unused", command, PYTHONPATH=str(ROOT)) as address, visiting(address) as visitor:
        visitor.opens(tiny_link)
        assert "Top-1 from Japanese" in visitor.text
        assert "Table" not in visitor.widgets
        for page in ("layers", "retrieval", "sentences", "jobs"):
            visitor.opens(tiny_link, page)
            assert "Something went wrong" not in visitor.text
            assert "Your own sentence" not in visitor.widgets  # it would be refused
        assert "Take away" not in visitor.widgets
        visitor.opens(tiny_link | {"experts": "21"})
        assert "this server shows what is known, and computes nothing" in visitor.text
    assert tree(cache) == before
