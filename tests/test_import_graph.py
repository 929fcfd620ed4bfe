"""The arrows between packages: no circle, none upward; and the faults that would be found if there were any."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from tests import import_graph
from tests.import_graph import ROOT, circles, graph, imports_of, level, modules, named, named_in, upward

TESTS = sorted((ROOT / "tests").rglob("*.py"))


def test_no_circle() -> None:
    assert circles(graph()) == []


def test_no_arrow_to_a_higher_level() -> None:
    assert upward(graph()) == []
    assert upward(named()) == []


def test_every_module_has_a_level() -> None:
    for module in modules():
        if module not in import_graph.ROOTS:
            level(module)


def test_the_core_knows_nothing_of_the_dashboard() -> None:
    """Nor of the benchmarks, nor the product of its tests."""
    for module, path in modules().items():
        roots = {name.split(".")[0] for name in _imported(path)}
        allowed = {"core"} if module.split(".")[0] == "core" else {"core", "dashboard"}
        allowed |= {"benchmarks", "tests"} if module.split(".")[0] == "benchmarks" else set()
        assert roots & {"core", "dashboard", "benchmarks", "tests"} <= allowed, module


def test_nothing_is_hidden_from_the_graph() -> None:
    """An import for type checkers alone is an arrow too."""
    hidden = [module for module, path in modules().items() if "TYPE_CHECKING" in path.read_text(encoding="utf-8")]
    assert hidden == []


def test_tests_share_only_what_is_in_helpers() -> None:
    for path in TESTS:
        shared = {name for name in _imported(path) if name.split(".")[0] == "tests"}
        assert all(name.startswith(("tests.helpers.", "tests.import_graph")) for name in shared), path


def test_a_circle_and_an_upward_arrow_are_found() -> None:
    edges = {
        "core.cli.main": {"core.errors"},
        "core.errors": {"core.progress"},
        "core.progress": {"core.parallel"},
        "core.parallel": {"core.errors", "core.cli.main"},
    }
    assert upward(edges) == [
        "core.errors -> core.progress",
        "core.progress -> core.parallel",
        "core.parallel -> core.cli.main",
        "core.parallel -> core.errors",
    ]
    assert circles(edges) == [("core.cli.main", "core.errors", "core.parallel", "core.progress")]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import core.errors", [("core.errors", True)]),
        ("from core.errors import AskError", [("core.errors", True)]),
        ("from core import errors, progress", [("core.errors", True), ("core.progress", True)]),
        ("def late():\n    from core.errors import AskError", [("core.errors", False)]),
    ],
)
def test_every_way_of_importing_is_an_arrow(source: str, found: list[tuple[str, bool]], tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    assert list(imports_of(path, modules())) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('import_module("core.errors")', {"core.errors"}),
        ('LOADER = "core.corpora.bucc:load_bucc"', {"core.corpora.bucc"}),
        ('"""See core.errors."""', set()),
    ],
)
def test_a_module_named_in_a_string_is_an_arrow_too(source: str, found: set[str], tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(source, encoding="utf-8")
    assert named_in(path, modules()) == found


def test_the_lists_that_name_modules_above_them_do_so() -> None:
    """An exception that nothing needs any more goes."""
    known = modules()
    for name in import_graph.LISTS:
        assert any(level(other) < level(name) for other in named_in(known[name], known)), name


def _imported(path: Path) -> set[str]:
    """Dotted names of all that a file imports, wherever in it; of ``from a import b``, ``a.b``."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names
