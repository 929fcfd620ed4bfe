"""However the dashboard is started, and wherever: Streamlit serves it safely, as the file beside ``app.py`` says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core import access
from dashboard import options
from dashboard.sidebar import uploads
from dashboard.work import process
from tests.helpers.bench import LONG
from tests.helpers.command_line import ROOT
from tests.helpers.pages import page_of

APP = str(ROOT / "dashboard" / "app.py")
SERVED = str(ROOT / "dashboard" / "served.py")
SAFE = {
    "server.address": "127.0.0.1",
    "server.allowedHosts": ["localhost", "127.0.0.1", "::1"],
    "server.headless": True,
    "server.fileWatcherType": "none",
    "server.maxUploadSize": uploads.LARGEST / 2**20,
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
    "runner.magicEnabled": False,
    "theme.light.primaryColor": "#3b5bdb",
    "theme.dark.primaryColor": "#91a7ff",
}
# Everything is done as it is when a person starts it, up to the moment when the server would begin to serve for good.
UP_TO_SERVING = """
import json, runpy, sys
from streamlit import config
from streamlit.web import bootstrap
names, start = json.loads(sys.argv[1]), json.loads(sys.argv[2])
bootstrap.run = lambda script, *rest: print("\\n", json.dumps([script, {n: config.get_option(n) for n in names}]))
bootstrap.run_asgi_app = bootstrap.run
sys.argv = start
runpy.run_module(start[0], run_name="__main__")
"""


def options_when_started(*start: str, cwd: Path) -> dict[str, object]:
    """Start the dashboard from a folder; gives the options in force when it would serve."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
    done = subprocess.run(
        [sys.executable, "-c", UP_TO_SERVING, json.dumps([*SAFE, "server.port"]), json.dumps(start)],
        cwd=cwd,
        env={**environment, "PYTHONPATH": str(ROOT), "LANGUAGE_NEURONS_CACHE": str(cwd / "cache"), "HOME": str(cwd)},
        capture_output=True,
        text=True,
        timeout=LONG,
    )
    assert done.returncode == 0, done.stderr
    script, found = json.loads(done.stdout.splitlines()[-1])
    assert Path(script) == Path(SERVED if start[0] == "dashboard" else APP)
    return dict(found)


@pytest.mark.parametrize("start", [("dashboard",), ("streamlit", "run", APP)], ids=lambda start: start[0])
def test_wherever_it_is_started_it_serves_this_machine_alone_and_tells_nobody(
    start: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / ".streamlit").mkdir()  # a file of another project, where somebody happens to be
    (tmp_path / ".streamlit" / "config.toml").write_text(
        '[server]\naddress = "0.0.0.0"\n[runner]\nmagicEnabled = true\n', encoding="utf-8"
    )
    found = options_when_started(*start, "--server.port", "8599", cwd=tmp_path)
    assert found == SAFE | {"server.port": 8599}


@pytest.mark.parametrize(
    ("given", "apart"), [([], True), (["--engine", "child"], True), (["--engine", "local"], False)]
)
def test_it_computes_in_a_child_process_unless_told_otherwise(
    given: list[str], apart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(access.WORKER, raising=False)
    options.apply(options.parse(given, "dashboard")[0])
    assert process.computes_in_child() is apart


def test_it_works_unasked_unless_told_otherwise_or_the_cache_is_only_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(access.UNASKED)
    assert access.works_unasked()
    with monkeypatch.context() as patch:
        patch.setenv(access.READ_ONLY, "1")
        assert not access.works_unasked()
    options.apply(options.parse(["--nothing-unasked"], "dashboard")[0])
    assert not access.works_unasked()


@pytest.mark.parametrize(
    ("ray", "words"),
    [
        ("raise ImportError", "Ray is not installed"),
        (
            "def is_initialized(): return False\ndef init(**_): raise RuntimeError('Version mismatch: 1 and 2')",
            "Version mismatch: 1 and 2",
        ),
    ],
    ids=["none", "refuses"],
)
def test_a_cluster_that_cannot_be_had_is_said_before_it_serves(ray: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "__init__.py").write_text(ray, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]), "RAY_ADDRESS": ""}
    done = subprocess.run(
        [sys.executable, "-m", "dashboard", "--engine", "ray"],
        cwd=tmp_path,
        env=environment | {"LANGUAGE_NEURONS_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=LONG,
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["error:", "why:", "instead:"], done.stderr


def _bare_expression() -> None:
    text = "Streamlit's magic, where it is on, shows what stands by itself on a line"
    text  # noqa: B018


def test_magic_is_off_in_the_tests_too() -> None:
    page = page_of(_bare_expression).run()
    assert not page.exception
    assert len(page.main.children) == 0
