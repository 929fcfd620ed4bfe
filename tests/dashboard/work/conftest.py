"""A queue whose every step the test decides."""

from __future__ import annotations

import pytest

from dashboard.work.queue import Jobs
from tests.helpers.bench import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def jobs(bench: Bench) -> Jobs:
    return Jobs(bench)
