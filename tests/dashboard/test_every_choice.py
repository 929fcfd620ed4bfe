"""Whatever is chosen on a page is in its link: after any controls in any order, the link opens the same page."""

from __future__ import annotations

import random
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.page_table import PAGES
from tests.helpers.bench import until
from tests.helpers.pages import OpenPage, kept_beside

SETTINGS = 3  # of the sidebar, in each walk; of the page, every control
# Fields that name a place, a model or a device: any text there is a setting of its own, tested elsewhere.
LEFT = {"Model", "Sentences", "Probe sentences", "Revision", "Type", "Device", "Folder of the report", "Seed"}


PLAIN = ("selectbox", "slider", "select_slider", "button_group", "number_input", "toggle")
KINDS = (*PLAIN, "multiselect", "text_input")
PATHS = [path for path in PAGES if path not in ("transfer", "jobs")]
"""Not a page that needs sentences with labels, and not that whose one list says what to take away, on no link."""


def controls(part: Any, kinds: tuple[str, ...] = KINDS) -> dict[str, Any]:
    """Every control of a part of the page that can be operated without naming anything, by kind and label."""
    return {
        f"{kind}: {control.label}": control
        for kind in kinds
        for control in getattr(part, kind)
        if control.label not in LEFT and not control.disabled
    }


def operate(control: Any, draw: random.Random) -> None:
    """Put a control to another value that it offers."""
    if control.type == "number_input":
        low = 0 if control.min is None else control.min
        control.set_value(round(low + (control.step or 1) * draw.randint(1, 3), 4))
    elif control.type == "slider":
        control.set_value(draw.choice([0.25, 0.5, 1.0, 1.5]))
    elif control.type == "select_slider":  # its options are written for readers: "2,000"
        control.set_value(int(draw.choice(control.options).replace(",", "")))
    elif control.type == "multiselect":
        control.set_value([draw.choice(control.options)])
    elif control.type == "text_input":
        control.set_value(str(draw.randint(2, 9)))  # a number, a word, a name: any field of a page takes it
    elif control.type == "toggle":
        control.set_value(not control.value)
    else:
        control.set_value(draw.choice(control.options))


def ready(page: AppTest) -> AppTest:
    """The page once its numbers are there."""
    until(lambda: not page.run().exception and not any("Computing" in text.value for text in page.markdown), "ready")
    return page


def link_of(page: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[0] for name, value in page.query_params.items()}


@pytest.mark.parametrize("path", PATHS)
def test_a_link_restores_every_choice(open_page: OpenPage, tiny_link: dict[str, str], path: str) -> None:
    draw = random.Random(path)
    # Some pages have controls only once something is chosen.
    views = {"compare": kept_beside(tiny_link, 0.25, 0.75), "experts": {"view.hold": "1"}}
    page = ready(open_page(path, **views.get(path, {})))
    walk = [*controls(page.main), *draw.sample(list(controls(page.sidebar, PLAIN)), SETTINGS)]
    draw.shuffle(walk)
    for name in walk:
        if name in (present := controls(page)):
            operate(present[name], draw)
            ready(page)
    link = link_of(page)
    assert link_of(ready(page)) == link  # a page that is drawn again changes nothing
    again = ready(open_page(path, **link))
    assert not again.exception
    shown = {name: control.value for name, control in controls(page).items()}
    assert {name: control.value for name, control in controls(again).items()} == shown
    assert link_of(again) == link
