"""How a page looks at the setting: in the link where it is not the default, and back from it."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.state import page_state, session
from tests.helpers.pages import page_of, visitor_of


def _page() -> None:
    import streamlit as st

    from dashboard.state import page_state, session

    visitor = session.visitor()
    visitor.page = "layers"
    if visitor.link is None:
        page_state.from_query(st.query_params.to_dict())
    page_state.choice("Metric", ["cosine", "csls"], "metric")
    page_state.choice("Maps", ["pair", "motion"][: int(visitor.screen.get("n", "2"))], "maps", others=("motion",))
    page_state.pick("Language", ["de", "en"], "language", default=visitor.screen.get("target", "en"))
    bounds = ["none", "distance"][: int(visitor.screen.get("n", "2"))]
    page_state.pick("Provided", bounds, "provided", others=("distance",))
    st.text(str(page_state.whole("row", 3, 0, 9)))


def opened(**query: str) -> AppTest:
    page = page_of(_page)
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def test_a_choice_goes_into_the_link_beside_the_setting_and_a_default_leaves_it() -> None:
    page = opened(target="ja")
    assert dict(page.query_params) == {"target": "ja"}
    page.selectbox[0].select("de").run()
    assert dict(page.query_params) == {"target": "ja", "view.language": "de"}
    assert visitor_of(page).view("layers") == {"language": "de"}
    page.selectbox[0].select("en").run()
    assert dict(page.query_params) == {"target": "ja"}


def test_a_default_that_follows_the_setting_is_followed_until_something_else_is_chosen() -> None:
    page = opened()
    visitor_of(page).screen["target"] = "de"
    assert page.run().selectbox[0].value == "de"
    assert not dict(page.query_params)
    page.selectbox[0].select("en").run()
    assert page.run().selectbox[0].value == "en"
    assert dict(page.query_params) == {"view.language": "en"}


def test_a_press_on_the_chosen_option_keeps_it() -> None:
    assert opened().get("button_group")[0].proto.required


def test_a_link_restores_the_view() -> None:
    page = opened(**{"view.metric": "csls", "view.language": "de", "view.row": "7"})
    assert page.get("button_group")[0].value == "csls"
    assert page.selectbox[0].value == "de"
    assert page.text[0].value == "7"


def test_a_choice_that_is_not_offered_meanwhile_comes_back_where_it_is() -> None:
    page = opened(**{"view.maps": "motion", "view.provided": "distance"})
    for offered, *shown in ((1, "pair", "none"), (2, "motion", "distance")):
        visitor_of(page).screen["n"] = str(offered)
        page.run()
        assert not page.exception
        assert [page.get("button_group")[1].value, page.selectbox[1].value] == shown
        assert page.query_params["view.maps"] in ("motion", ["motion"])
        assert page.query_params["view.provided"] in ("distance", ["distance"])
    page.selectbox[1].select("none").run()
    assert "view.provided" not in page.query_params
    assert "view.provided" not in opened(**{"view.provided": "placebo"}).query_params, "which is none of the others"


@pytest.mark.parametrize("value", [0.0, 30.0, 0.1, 1234.5678, -1e-7, 1 / 3])
def test_a_number_comes_back_from_an_entry_as_it_was(value: float) -> None:
    assert float(page_state.exact(value)) == value
    assert page_state.exact(30.0) == "30"


@pytest.mark.parametrize(
    ("text", "number"), [("7", 7), ("007", 7), ("9" * 9, 10**9 - 1), ("9" * 5000, None), ("٣", None), ("", None)]
)
def test_a_number_of_a_link_is_read_from_its_digits(text: str, number: int | None) -> None:
    assert page_state.digits(text) == number


@pytest.mark.parametrize(
    ("view", "number"),
    [({"new": "2.5"}, 2.5), ({"old": "3"}, 3), ({"new": "1", "old": "3"}, 1), ({}, 0.5)]
    + [({"new": text}, 0.5) for text in ("nan", "inf", "-inf", "1e999", "x")],
)
def test_a_number_of_a_link_has_an_end(view: dict[str, str], number: float, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = session.Visitor(views={"": view})
    monkeypatch.setattr(session, "visitor", lambda: visitor)
    assert page_state.finite("new", 0.5, "old") == number


@pytest.mark.parametrize("row", ["10", "-1", "1.5", "", "٣", "many"])
def test_what_cannot_be_is_the_default(row: str) -> None:
    page = opened(**{"view.metric": "placebo", "view.language": "xx", "view.row": row})
    assert page.selectbox[0].value == "en"
    assert page.text[0].value == "3"
    assert "view.metric" not in page.query_params
