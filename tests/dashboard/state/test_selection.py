"""What is chosen on the map: one for all pages, in every link, and out of the links of earlier versions."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.helpers.pages import page_of, visitor_of


def _page(path: str) -> None:
    import streamlit as st

    from dashboard.state import selection, session

    visitor = session.visitor()
    visitor.page = path
    if visitor.link is None:
        st.text(" ".join(selection.take(st.query_params.to_dict())))
    if st.button("Choose words"):
        selection.put("find", "sea")
    if st.button("Choose all"):
        selection.clear()


def opened(path: str = "layers", **query: str) -> AppTest:
    page = page_of(_page, path)
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def test_a_choice_goes_into_the_link_beside_all_else_and_out_of_it() -> None:
    page = opened(target="ja", **{"view.row": "3", "map.window": "0,0,1,1"})
    assert page.text[0].value == "target view.row"
    page.button[0].click().run()
    others = {"target": "ja", "view.row": "3", "map.window": "0,0,1,1"}
    assert dict(page.query_params) == {**others, "map.find": "sea"}
    page.button[1].click().run()
    assert dict(page.query_params) == others  # what is looked at stays


@pytest.mark.parametrize(
    ("query", "brush"),
    [
        ({"view.brush": "0,1,2,3,1"}, "0,1,2,3,after"),
        ({"view.brush": "0,1,2,3,0"}, "0,1,2,3,before"),
        ({"view.brush": "0,1,2,3,0.5", "view.maps": "in motion"}, "0,1,2,3,0.5"),
        ({"view.brush": "0,1,2,3,0", "map.brush": "4,5,6,7,before"}, "4,5,6,7,before"),
        ({"view.brush": "0"}, None),
    ],
)
def test_links_of_earlier_versions_open(query: dict[str, str], brush: str | None) -> None:
    page = opened("", **query, **{"view.colour": "family"})
    assert page.text[0].value == ("view.maps" if "view.maps" in query else "")
    assert visitor_of(page).selection == {"colour": "family"} | ({"brush": brush} if brush else {})
    elsewhere = opened("experts", **{"view.colour": "share"})  # there it is a choice of that page
    assert visitor_of(elsewhere).selection == {}
