"""A server that sends its jobs to a cluster: its visitors see what they would see without."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.pipeline.engine import Engine
from core.pipeline.measure_table import MEASURES
from core.store.store import Store
from dashboard.charts import theme
from dashboard.state import link
from tests.helpers.bench import until
from tests.helpers.browsing import serving
from tests.helpers.raw_visitor import visiting


@pytest.fixture(scope="module")
def cluster_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    cache = tmp_path_factory.mktemp("cluster") / "cache"
    with serving(cache, [sys.executable, "-m", "dashboard", "--engine", "ray"]) as address:
        yield address


def test_a_visitor_of_a_server_with_a_cluster(cluster_server: str, tiny_link: dict[str, str], tmp_path: Path) -> None:
    with visiting(cluster_server) as visitor:
        until(lambda: "result-ready" in visitor.opens(tiny_link).text, "it is computed")
        elements = [said["delta"]["newElement"] for said in visitor.shown if "newElement" in said.get("delta", {})]
        shown = {each["metric"]["label"]: each["metric"]["body"] for each in elements if "metric" in each}
        assert "Computes on Ray on this machine" in visitor.opens(tiny_link, "jobs").text
    alone = Engine(Store(tmp_path / "alone")).run(link.from_query(tiny_link)[0])
    for measure in MEASURES.values():
        if measure.headline:
            title = measure.titled(theme.name(alone.plan.target), alone)
            assert shown[title] == measure.unit.text(measure.read(alone).post)
