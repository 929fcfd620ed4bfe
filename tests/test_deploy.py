"""What `deploy` holds: it names files and options that there are, and gives no more rights than are needed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from dashboard import options
from dashboard.sidebar import uploads

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
UNIT = (DEPLOY / "language-neurons.service").read_text(encoding="utf-8")


def test_what_the_image_copies_is_there_and_sent_to_it() -> None:
    sources = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    sent = [line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")]
    assert len(sources) >= 6
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if not any(fnmatch(source, pattern) for pattern in sent)] == []


def test_the_image_runs_as_nobody_with_the_pinned_torch() -> None:
    pinned = re.search(r"^torch==(\S+)$", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned
    assert set(re.findall(r"torch==([\d.]+)\+cpu", DOCKERFILE)) == {pinned[1]}
    last = DOCKERFILE.rpartition("FROM ")[2]
    assert re.search(r"^USER app$", last, re.MULTILINE)
    assert last.index("USER app") < last.index("ENTRYPOINT")
    assert "/_stcore/health" in last
    entry = json.loads(re.findall(r"^ENTRYPOINT (\[.+\])$", last, re.MULTILINE)[0])
    assert entry[1] == "dashboard"
    assert options.parse(entry[2:], "dashboard")[1] == ["--server.address", "0.0.0.0"]


def test_the_service_starts_a_public_server_within_limits() -> None:
    settings = dict(re.findall(r"^(\w+)=(.*)$", UNIT, re.MULTILINE))
    _, *command = settings["ExecStart"].split()
    assert command[0] == "dashboard"
    chosen, others = options.parse(command[1:], "dashboard")
    assert chosen.public
    assert others == []
    for name in ("MemoryMax", "TasksMax", "ReadOnlyPaths", "ReadWritePaths"):
        assert settings[name]
    assert {settings[name] for name in ("ProtectHome", "NoNewPrivileges", "DynamicUser")} == {"yes"}
    assert settings["ProtectSystem"] == "strict"
    assert settings["CapabilityBoundingSet"] == ""


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """By systemd's own check where there is one; that every line is a section, a setting or a comment everywhere."""
    odd = [line for line in UNIT.splitlines() if line and not re.match(r"#|\[\w+\]$|[A-Z]\w+=", line)]
    assert odd == []
    if (analyze := shutil.which("systemd-analyze")) is not None:
        unit = tmp_path / "language-neurons.service"
        program = "/opt/language-neurons/bin/language-neurons"
        unit.write_text(UNIT.replace(f"ExecStart={program}", f"ExecStart={sys.executable}"), encoding="utf-8")
        done = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["/_stcore/(metrics|agent)", "Upgrade $http_upgrade", 'X-Forwarded-Email ""'])
def test_the_proxy_closes_what_is_not_for_visitors(name: str) -> None:
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    assert name in text
    assert text.count("{") == text.count("}")
    taken = re.search(r"client_max_body_size (\d+)m;", text)
    assert taken
    assert int(taken[1]) * 2**20 > uploads.LARGEST


def test_the_proxy_lets_a_whole_page_through_at_once() -> None:
    """The browser asks for some 300 scripts; over HTTP/2 nginx counts each request under way as a connection."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    connections, burst = re.search(r"limit_conn visitors (\d+);", text), re.search(r"burst=(\d+) nodelay;", text)
    assert connections
    assert burst
    assert int(connections[1]) > 128  # requests that nginx takes at a time from one visitor's HTTP/2 connection
    assert int(burst[1]) > 300
