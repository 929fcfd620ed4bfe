"""The import graph of the product: ``python tests/import_graph.py`` prints it; its test holds its arrows.

An arrow goes from a package to one that it imports, or that it names in a string, to load it later or to start it as a
process. Packages stand in `LEVELS`, highest first; an arrow to a higher level, or a circle of imports, is a fault.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOTS = ("core", "dashboard", "benchmarks")
# Highest first. Packages of one line stand side by side and do not import each other.
LEVELS = (
    ("benchmarks",),
    ("dashboard.command",),
    ("dashboard.__main__", "dashboard.app", "dashboard.served"),
    ("dashboard.sidebar",),
    ("dashboard.page",),
    ("dashboard.text",),
    ("dashboard.sentence_map",),
    ("dashboard.charts",),
    ("dashboard.state",),
    ("dashboard.work",),
    ("dashboard",),
    ("core.__main__",),
    ("core.cli",),
    ("core.reproduction",),
    ("core.session",),
    ("core.session_methods",),
    ("core.session_base",),
    ("core.charts",),
    ("core.export",),
    ("core.packs",),
    ("core.analyses",),
    ("core.sweep",),
    ("core.cluster",),
    ("core.pipeline",),
    ("core.experiment",),
    ("core.inference",),
    ("core.models",),
    ("core.neurons", "core.corpora", "core.spaces"),
    ("core.language", "core.store"),
    ("core.stats",),
    ("core.access",),
    (
        "core.parallel",
        "core.progress",
        "core.errors",
        "core.machine",
        "core.notebook_html",
        "core.choices",
        "core.subprocesses",
        "core.serialisation",
    ),
    ("core",),
    ("core.location", "core.version"),
)

# These name modules that lie above them, and are the only ones: the public face loads a name when it is first used, and
# the table of pages, which pages read for their links to each other, loads a page when it is drawn.
LISTS = ("core", "dashboard.page_table")


def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name; a package is its ``__init__``."""
    found = {}
    for root in ROOTS:
        for path in sorted((ROOT / root).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(path: Path, known: Mapping[str, Path]) -> Iterator[tuple[str, bool]]:
    """What a module imports of the product, and whether it does so when it is itself imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else node.module for name in names]
        for name in names:
            if name in known:
                yield name, id(node) not in inside


def named_in(path: Path, known: Mapping[str, Path]) -> set[str]:
    """Modules of the product that a module names in strings: ``a.b``, or ``a.b:function``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    values = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    strings = {value.partition(":")[0] for value in values if isinstance(value, str)}
    return (strings & set(known)) - set(ROOTS)


def graph(when_imported: bool = False) -> dict[str, set[str]]:
    """By module, the modules it imports; with ``when_imported`` only those it needs in order to be imported."""
    known = modules()
    return {
        name: {other for other, early in imports_of(path, known) if other != name and (early or not when_imported)}
        for name, path in known.items()
    }


def named() -> dict[str, set[str]]:
    """By module, the modules that it names in strings; without those that `LISTS` excepts."""
    known = modules()
    return {name: named_in(path, known) - {name} for name, path in known.items() if name not in LISTS}


def level(module: str) -> int:
    """The level of a module, 0 for the highest: that of the longest name in `LEVELS` that it lies in."""
    places = {name: number for number, names in enumerate(LEVELS) for name in names}
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if (name := ".".join(parts[:length])) in places:
            return places[name]
    raise LookupError(f"{module} is in no level")


def package(module: str) -> str:
    """The name in `LEVELS` that a module lies in."""
    names = {name for names in LEVELS for name in names}
    parts = module.split(".")
    return next(name for length in range(len(parts), 0, -1) if (name := ".".join(parts[:length])) in names)


def upward(edges: Mapping[str, set[str]]) -> list[str]:
    """Arrows to a higher level, or to another package of the same level."""
    return [
        f"{module} -> {other}"
        for module, others in edges.items()
        for other in sorted(others)
        if other not in ROOTS
        and (level(other) < level(module) or (level(other) == level(module) and package(other) != package(module)))
    ]


def circles(edges: Mapping[str, set[str]]) -> list[tuple[str, ...]]:
    """Groups of modules each of which leads back to itself through the others (Tarjan's components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[tuple[str, ...]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in edges[module]:
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            at = stack.index(module)
            if len(stack) - at > 1:
                found.append(tuple(sorted(stack[at:])))
            del stack[at:]

    for module in edges:
        if module not in index:
            visit(module)
    return found


def main() -> int:
    """Print every package with those it imports, highest level first, then what is wrong; 1 if anything is."""
    edges = graph()
    for number, names in enumerate(LEVELS):
        for name in names:
            inside = [module for module in edges if package(module) == name]
            used = sorted({package(other) for module in inside for other in edges[module]} - {name, *ROOTS})
            print(f"{number:>2}  {name:<24} {len(inside):>3} modules  -> {', '.join(used) or 'nothing'}")
    faults = [f"upward: {arrow}" for arrow in (*upward(edges), *upward(named()))]
    faults += [f"circle: {', '.join(circle)}" for circle in circles(edges)]
    print("\n".join(faults) or "no circle, no arrow to a higher level")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
