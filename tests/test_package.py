"""The package: what it declares, and that its wheel works where there is no checkout."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path
from urllib.request import urlopen
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from core.version import __version__
from tests.helpers.browsing import serving
from tests.helpers.tiny import save_tiny, write_table

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME = "language-neurons"


def pinned(name: str) -> dict[str, str]:
    """The packages of a file of requirements, and their versions."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = [line.partition(";")[0].strip().split("==") for line in lines if line and not line.startswith(("#", "-r"))]
    return {canonicalize_name(package.partition("[")[0]): version for package, version in pins}


@pytest.mark.parametrize(
    ("declared", "file"),
    [
        (PROJECT["dependencies"], "requirements.txt"),
        (PROJECT["optional-dependencies"]["dev"], "requirements-dev.txt"),
        (PROJECT["optional-dependencies"]["bench"], "requirements-bench.txt"),
    ],
)
def test_the_pinned_versions_are_those_of_the_declared_packages(declared: list[str], file: str) -> None:
    """Nothing is pinned that is not declared, nothing declared that is not pinned, and the pin lies in the range."""
    ranges = {canonicalize_name(wanted.name): wanted.specifier for wanted in map(Requirement, declared)}
    pins = pinned(file)
    assert list(ranges) == sorted(ranges)
    assert set(ranges) == set(pins)
    assert {package: version for package, version in pins.items() if version not in ranges[package]} == {}


def test_whatever_is_imported_is_declared() -> None:
    providers = packages_distributions()
    imported = {module for root in ("core", "dashboard") for path in (ROOT / root).rglob("*.py") for module in of(path)}
    foreign = imported - sys.stdlib_module_names - {"core", "dashboard", "_typeshed"}
    optional = PROJECT["optional-dependencies"]
    extras = {Requirement(wanted).name for wanted in (*optional["adapters"], *optional["ray"])}
    pins = set(pinned("requirements.txt")) | extras
    undeclared = {
        module for module in foreign if not pins & {canonicalize_name(name) for name in providers.get(module, [])}
    }
    assert undeclared == set()


def of(path: Path) -> set[str]:
    """Top-level names of the modules that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


@dataclass(frozen=True)
class Installed:
    """The wheel, and a folder it is installed into; nothing of the checkout is on its path."""

    wheel: Path
    site: Path
    home: Path

    def run(self, *command: str) -> str:
        """Run a command from a folder that has nothing to do with the project, as a user whose home is empty."""
        environment = {name: value for name, value in os.environ.items() if name != "LANGUAGE_NEURONS_CACHE"}
        own = {"PYTHONPATH": str(self.site), "HOME": str(self.home), "XDG_CACHE_HOME": str(self.home / ".cache")}
        done = subprocess.run(
            command, cwd=self.home, env=environment | own, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def script(self, *arguments: str) -> str:
        """Run the script ``language-neurons``."""
        return self.run(str(self.site / "bin" / NAME), *arguments)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    root = tmp_path_factory.mktemp("installed")
    (home := root / "home").mkdir()
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(root), str(ROOT)], check=True
    )
    (wheel,) = root.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", str(root / "site"), str(wheel)], check=True)
    return Installed(wheel, root / "site", home)


def test_the_wheel_holds_what_the_packages_read_and_nothing_else(installed: Installed) -> None:
    names = ZipFile(installed.wheel).namelist()
    files = [path for root in ("core", "dashboard") for path in (ROOT / root).rglob("*") if path.is_file()]
    ours = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    about = f"language_neurons-{__version__}.dist-info/"
    report = "core/reproduction/included/"
    assert {name for name in names if not name.startswith((about, report))} == ours
    content = json.loads((ROOT / "docs" / "reproduction" / "report.json").read_text(encoding="utf-8"))
    tables = {table for item in content["items"].values() for table in item["tables"]}
    assert {name.removeprefix(report) for name in names if name.startswith(report)} >= tables | {"report.json"}


def test_the_script_lists_its_commands(installed: Installed) -> None:
    listed = installed.script("--help")
    assert listed.startswith(f"usage: {NAME} ")
    for command in ("run", "experts", "generate", "reproduce", "data", "dashboard"):
        assert re.search(rf"^ +{command} +\w", listed, re.MULTILINE), command
    assert "--port" in installed.script("dashboard", "--help")


def test_an_experiment_runs_from_the_wheel_and_is_kept_in_the_users_cache(installed: Installed, tmp_path: Path) -> None:
    model, corpus = save_tiny(tmp_path / "model", "llama"), write_table(tmp_path / "sentences.tsv")
    written = tmp_path / "result.json"
    settings = ["--model", str(model), "--corpus", corpus, "--target", "ja", "--experts", "30"]
    installed.script("run", *settings, "--json", str(written))
    assert json.loads(written.read_text(encoding="utf-8"))["summary"]["target_top1"]
    assert any((installed.home / ".cache" / NAME).iterdir())


def test_the_dashboard_serves_from_the_wheel(installed: Installed, tmp_path: Path) -> None:
    command = [str(installed.site / "bin" / NAME), "dashboard"]
    with (
        serving(tmp_path / "cache", command, installed.home, PYTHONPATH=str(installed.site)) as address,
        urlopen(address) as page,
    ):
        assert page.status == 200


def test_the_included_report_is_found_without_a_checkout(installed: Installed) -> None:
    page = "from dashboard.page import reproduction\nfrom dashboard.sidebar import controls\n"
    page += "controls.sidebar()\nreproduction.draw()"
    shown = installed.run(
        sys.executable,
        "-c",
        "from streamlit.testing.v1 import AppTest\n"
        f"page = AppTest.from_string({page!r}, default_timeout=120).run()\n"
        "print(len(page.exception), *(title.value for title in page.header), sep='\\n')",
    )
    assert shown.splitlines()[:2] == ["0", "What held, and what did not"]
