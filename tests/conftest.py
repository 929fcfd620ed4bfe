"""What all tests share: the embedded model converted once, and a small real experiment run once by the command line."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["HF_HUB_OFFLINE"] = "1"  # no network at test time

import json

import hypothesis
import pytest

from tests.helpers.command_line import EmbeddedRun, command_line, run_arguments

# A first call loads tables, and the cores are shared: how long an example takes says nothing.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedRun:
    """The small experiment on the embedded model, run once a session from nothing."""
    folder = tmp_path_factory.mktemp("embedded")
    cache, out = folder / "cache", folder / "out.json"
    done = command_line(*run_arguments(), "--cache", str(cache), "--json", str(out))
    assert done.returncode == 0, done.stderr
    return EmbeddedRun(cache, json.loads(out.read_text(encoding="utf-8")), done.stdout)
