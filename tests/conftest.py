"""What all tests share: the embedded model converted once, and a small real experiment run once by the command line."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["HF_HUB_OFFLINE"] = "1"  # no network at test time
os.environ["LANGUAGE_NEURONS_UNASKED"] = "0"  # a server under test does what the test asks for, and nothing beside it

import json
import shutil
from collections.abc import Iterator

import hypothesis
import pytest
from filelock import FileLock

from tests.helpers.command_line import EmbeddedRun, command_line, run_arguments

# A first call loads tables, and the cores are shared: how long an example takes says nothing. The examples are the same
# each time; `--hypothesis-profile=search` draws others.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile("same")


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """Restore the product's variables after every test: starting a dashboard in this process sets some."""
    before = {name: value for name, value in os.environ.items() if name.startswith("LANGUAGE_NEURONS_")}
    yield
    for name in [name for name in os.environ if name.startswith("LANGUAGE_NEURONS_") and name not in before]:
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedRun:
    """The small experiment on the embedded model, run once from nothing; each process has a cache of its own."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "embedded-run"
    out, said = shared / "out.json", shared / "said.txt"
    with FileLock(f"{shared}.lock"):
        if not said.exists():  # the last to be written
            shared.mkdir(exist_ok=True)  # a command refuses at once to write where there is no folder
            done = command_line(*run_arguments(), "--cache", str(shared / "cache"), "--json", str(out))
            assert done.returncode == 0, done.stderr
            said.write_text(done.stdout, encoding="utf-8")
    cache = tmp_path_factory.mktemp("embedded") / "cache"
    shutil.copytree(shared / "cache", cache, copy_function=os.link)
    return EmbeddedRun(cache, json.loads(out.read_text(encoding="utf-8")), said.read_text(encoding="utf-8"))
