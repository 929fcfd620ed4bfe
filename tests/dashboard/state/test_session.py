"""What is known of a visitor stands in one typed object, which pages reach by its fields and parts."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from core.experiment.settings import Experiment
from dashboard.state.session import Visitor
from tests.helpers.command_line import ROOT

HOLDER = ROOT / "dashboard" / "state" / "session.py"


@dataclass
class _Part:
    rows: list[int] = field(default_factory=list)


def test_each_visitor_has_a_name_and_parts_of_their_own() -> None:
    one, other = Visitor(), Visitor()
    assert one.name != other.name
    one.part(_Part).rows.append(3)
    assert one.part(_Part).rows == [3]
    assert other.part(_Part).rows == []


def test_a_page_has_its_own_view() -> None:
    visitor = Visitor(page="layers")
    visitor.view()["metric"] = "csls"
    assert visitor.view("layers") == {"metric": "csls"}
    assert visitor.view("") == {}


def test_settings_from_elsewhere_give_every_control_a_new_key() -> None:
    visitor = Visitor()
    visitor.follow(Experiment(experts=7), ["k=many"], {"k": "7"})
    assert (visitor.experiment, visitor.problems, visitor.link) == (Experiment(experts=7), ["k=many"], {"k": "7"})
    before = visitor.generation
    visitor.set(Experiment(experts=8))
    assert visitor.experiment == Experiment(experts=8)
    assert visitor.generation == before + 1


def test_no_other_module_keeps_anything_under_a_name_of_its_own() -> None:
    """Streamlit's session state is one dictionary for all; only keys that are computed, those of controls, are read."""
    named = []
    for path in (ROOT / "dashboard").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Subscript):
                place, keys = node.value, [node.slice]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                place, keys = node.func.value, [*node.args[:1], *(word.value for word in node.keywords)]
            elif isinstance(node, ast.Compare):
                place, keys = node.comparators[0], [node.left]
            else:
                continue
            if isinstance(place, ast.Attribute) and place.attr == "session_state" and path != HOLDER:
                named += [f"{path.name}:{node.lineno}" for key in keys if isinstance(key, ast.Constant | ast.JoinedStr)]
    assert named == []
