"""README, CONTRIBUTING and docs: their links lead somewhere, and their commands are ones that the product takes."""

import ast
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest
from streamlit import config

from benchmarks import __main__ as benchmarks
from core.cli import main as cli
from core.neurons.interventions import intervene
from core.neurons.methods import METHODS, Evidence
from core.reproduction.items import ITEMS
from dashboard import command, options
from dashboard.page_table import PAGES

ROOT = Path(__file__).resolve().parent.parent
TEXTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
_CODE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What stands in the place of something of the reader's own.
_OWN = {"LANG": "ja", "DIR": "folder", "FOLDER": "folder", "FILE": "file", "NAME": "flores200"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def commands() -> list[tuple[str, str]]:
    """Every line of a block of code that gives a command of ours, and the text it stands in."""
    return [
        (name(path), line.strip())
        for path in TEXTS
        for block in _CODE.findall(path.read_text(encoding="utf-8"))
        for line in block.splitlines()
        if line.startswith(("python -m ", "make ", "language-neurons "))
    ]


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_links_lead_to_files_and_headings(path: Path) -> None:
    text = _CODE.sub("", path.read_text(encoding="utf-8"))
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    broken = []
    for link in links:
        file, _, heading = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (heading and heading not in headings(target)):
            broken.append(link)
    assert broken == []


def headings(path: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a text."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("line", dict.fromkeys(line for _, line in commands()))
def test_a_command_is_one_that_the_product_takes(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [substituted(word) for word in shlex.split(line, comments=True)]
    if words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert [word for word in words[1:] if "=" not in word] == [word for word in words[1:] if word in targets]
        return
    program, arguments = (words[0], words[1:]) if words[0] == command.NAME else (words[2], words[3:])
    if arguments[:1] == ["dashboard"]:
        program, arguments = "dashboard", arguments[1:]
    assert parsed(program, arguments), capsys.readouterr().err


def substituted(word: str) -> str:
    """A word with something in the place of the reader's own: ``flores:DIR`` becomes ``flores:folder``."""
    return re.sub(r"\b[A-Z]+\b", lambda match: _OWN.get(match[0], match[0]), word)


def parsed(program: str, arguments: list[str]) -> bool:
    """Whether a program's own parser takes the arguments."""
    parsers = {
        "core": lambda: cli.parser().parse_args(arguments),
        command.NAME: lambda: cli.parser(command.NAME).parse_args(arguments),
        "dashboard": lambda: of_the_dashboard(arguments),
        "benchmarks": lambda: benchmarks._parser().parse_args(arguments),
    }
    try:
        parsers[program]()
    except SystemExit as end:
        return end.code in (0, None)
    return True


def of_the_dashboard(arguments: list[str]) -> None:
    """Read the dashboard's own options; the others must be ones of Streamlit's."""
    _, others = options.parse(arguments, "dashboard")
    for name in (word.removeprefix("--") for word in others if word.startswith("--")):
        config.get_option(name)  # raises where there is none


def test_every_switch_of_the_dashboard_is_described() -> None:
    described = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    switches = set(re.findall(r"(?<![\w-])--[a-z-]+(?![\w.-])", options.parser("dashboard").format_help()))
    assert "--public" in switches
    assert [name for name in sorted(switches - {"--help", "--port"}) if f"`{name}" not in described] == []


def test_the_readme_is_short_and_says_which_python() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert len(readme.splitlines()) < 130
    assert f"Python {project['requires-python'].removeprefix('>=')} or newer" in readme


def test_every_text_is_reached_from_the_readme() -> None:
    reached, new = set(), {ROOT / "README.md"}
    while new:
        path = new.pop()
        reached.add(path)
        links = re.findall(r"\]\(([^)#\s]+\.md)", path.read_text(encoding="utf-8"))
        new |= {(path.parent / link).resolve() for link in links if "://" not in link} - reached
    assert set(TEXTS) - reached == set()


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_files_and_names_that_contributing_speaks_of_are_there() -> None:
    """Every path exists, and what a row or sentence says is in a file is defined there at its top level."""
    paths = set(re.findall(r"`((?:core|dashboard|tests|docs|benchmarks)/[\w./]+)`", CONTRIBUTING))
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    named = re.findall(r"`(\w+)`(?: \([\w-]+\))?(?: and `(\w+)` \([\w-]+\))? in\s+`([\w./]+\.py)`", CONTRIBUTING)
    named += [(one, "", path) for one, path in re.findall(r"`(\w+)`\s+\(`([\w./]+\.py)`\)", CONTRIBUTING)]
    assert len(named) >= 12
    for *names, path in named:
        assert set(names) - {""} <= defined(ROOT / path), path


def defined(path: Path) -> set[str]:
    """Names that a module defines at its top level."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def test_the_pages_that_are_described_are_those_of_the_dashboard() -> None:
    text = (ROOT / "docs" / "pages.md").read_text(encoding="utf-8")
    described = re.findall(r"^\| ([\w ?]+) `/([\w-]*)` \|", text, re.MULTILINE)
    assert described == [(page.title, page.path) for page in PAGES.values()]


def test_every_command_has_its_row() -> None:
    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`[a-z]+`(?:, )?)+) \|", text, re.MULTILINE)
    described = [name for row in rows for name in re.findall(r"`([a-z]+)`", row)]
    assert sorted(described) == sorted(command.name for command in cli.COMMANDS)


def test_the_items_of_a_report_are_named() -> None:
    text = (ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8")
    (listed,) = re.findall(r"The items are\s([^.]+?)\s\(of", text)
    assert re.findall(r"`(\w+)`", listed) == [item.name for item in ITEMS]


def test_the_tree_in_contributing_names_every_package_and_what_lies_beside_them() -> None:
    tree = next(block for block in _CODE.findall(CONTRIBUTING) if block.startswith("core/ "))
    root, listed = "", set()
    for line in tree.splitlines():
        first = line.split()[0]
        names = [first] if first.endswith("/") else re.findall(r"\w+\.py", line)
        root = names[0] if not line.startswith(" ") else root
        listed |= {name if not line.startswith(" ") else root + name for name in names}
    packages = {f"{path.parent.relative_to(ROOT).as_posix()}/" for path in ROOT.glob("core/*/__init__.py")}
    packages |= {f"{path.parent.relative_to(ROOT).as_posix()}/" for path in ROOT.glob("dashboard/*/__init__.py")}
    beside = {path for root in ("core", "dashboard") for path in ROOT.glob(f"{root}/*.py") if path.stem != "__init__"}
    assert packages | {path.relative_to(ROOT).as_posix() for path in beside} <= listed
    assert [name for name in sorted(listed) if not (ROOT / name).exists()] == []


def test_the_example_of_a_method_works_as_written() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", CONTRIBUTING, re.MULTILINE | re.DOTALL)
    before = dict(METHODS)
    try:
        exec(code, {})
        evidence = Evidence(np.array([3.0]), np.array([-1.0]), lambda: (np.zeros((1, 2)), np.zeros((1, 2))))
        written = intervene("half-mean", np.array([7]), evidence, 0.5)
        # By hand, of an output of 10 at strength .5: 5 + .5 * 1.5
        assert written.scale * 10 + written.shift == pytest.approx(5.75)
        assert parsed("core", ["run", "--target", "ja", "--method", "half-mean"])
    finally:
        METHODS.clear()
        METHODS.update(before)


def test_a_commit_is_checked_by_what_make_check_runs() -> None:
    hooks = re.findall(r"entry: (.+)", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    checked = re.search(r"^check:.*\n((?:\t.+\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert checked
    tools = [line.strip().removeprefix("$(BIN)/").split(" ")[0:2] for line in checked[1].splitlines()]
    ran = [hook.removeprefix(".venv/bin/").split(" ")[0:2] for hook in hooks]
    assert {tuple(part for part in tool if part not in ("--check", ".")) for tool in tools} == {tuple(r) for r in ran}
