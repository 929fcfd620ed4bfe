"""Kept settings go into one entry of a link and come out as they were; the page's own test does it on a page."""

from __future__ import annotations

from urllib.parse import parse_qs

from core.experiment.settings import Experiment
from dashboard.state import kept
from dashboard.state.kept import KeptSetting
from tests.helpers.pages import page_of


def test_an_entry_holds_every_setting_and_its_name_and_one_alone_is_a_link() -> None:
    settings = [KeptSetting(Experiment(target="es", strength=0.5), "a | b & c"), KeptSetting(Experiment(target="ja"))]
    first, second = kept.entry(settings).split("|")
    assert parse_qs(first)["kept"] == ["a | b & c"]
    assert (parse_qs(first)["target"], parse_qs(first)["strength"]) == (["es"], ["0.5"])
    assert "kept" not in parse_qs(second)
    assert kept.view(settings, 1)["at"] == "1"
    assert kept.entry([settings[1]] * 20).count("|") == kept.MOST - 1


def _reads_prompts(entry: str, own: str) -> None:
    import streamlit as st

    from core.experiment.settings import Experiment
    from dashboard.state import kept, page_state

    page_state.put("with", entry)
    page_state.put("own", own)
    found, problems = kept.read()
    st.text(repr([one.experiment.prompt for one in found] + problems))
    st.text("|".join(kept.as_kept(Experiment(prompt=prompt)).name for prompt in ("", None)))


def test_an_empty_prompt_is_another_than_none_in_an_entry_and_in_the_pages_own_name() -> None:
    settings = [KeptSetting(Experiment(prompt=prompt)) for prompt in ("", "query: ", None)]
    own = kept.view(settings, own=KeptSetting(Experiment(prompt=""), "without"))["own"]
    page = page_of(_reads_prompts, kept.entry(settings), own).run()
    assert not page.exception
    assert [text.value for text in page.text] == ["['', 'query: ', None]", "without|"]
    assert kept.view(settings, own=settings[0])["own"] == "", "a setting without a name has none to lose"


def _reads(entry: str, at: str) -> None:
    import streamlit as st

    from dashboard.state import kept, page_state

    page_state.put("with", entry)
    page_state.put("at", at)
    found = kept.read()[0]
    st.text("|".join(one.title for one in found))
    st.text(found[kept.chosen(found)].title)


def test_a_setting_is_kept_once_whatever_the_link_says() -> None:
    first, second = KeptSetting(Experiment(target="es"), "first"), KeptSetting(Experiment(target="ja"), "second")
    again = KeptSetting(Experiment(target="es"), "again")
    page = page_of(_reads, kept.entry([first, second, again]), "1").run()
    assert not page.exception
    assert [text.value for text in page.text] == ["first|second", "second"]
    many = "|".join(f"experts={number}" for number in range(1, 200))  # more than a page reads in a moment
    page = page_of(_reads, many, "0").run()
    assert page.text[0].value.count("|") == kept.MOST - 1
    page = page_of(_reads, kept.entry([first, again, second]), "2").run()
    assert [text.value for text in page.text] == ["first|second", "second"], "the one that the link names"


def test_a_setting_that_is_kept_already_moves_where_it_is_put() -> None:
    first, second, third = (KeptSetting(Experiment(target=target), target) for target in ("es", "ja", "de"))
    other = Experiment(target="fr")
    assert kept.with_in_place([first, second, third], KeptSetting(other), 1) == ([first, KeptSetting(other), third], 1)
    assert kept.with_in_place([first, second, third], first, 2) == ([second, first], 1)
    assert kept.with_in_place([first, second, third], third, 0) == ([third, second], 0)
    assert kept.with_in_place([first, second], second, 1) == ([first, second], 1)


def test_a_title_is_the_name_or_what_the_setting_is() -> None:
    assert KeptSetting(Experiment(target="es", experts=500), "mine").title == "mine"
    assert KeptSetting(Experiment(target="es", experts=500, strength=0.5)).title == "Spanish, 500 experts, strength 0.5"


def _in_front(entry: str) -> None:
    import streamlit as st

    from core.experiment.settings import Experiment
    from dashboard.state import kept, session

    session.visitor().views["compare"] = {"with": entry}
    view = kept.in_front([Experiment(target="fr", device="cpu"), Experiment(target="ja")])
    st.text(view["with"])


def test_what_is_put_in_front_stands_before_what_is_kept_which_keeps_its_name() -> None:
    first, second = KeptSetting(Experiment(target="es"), "first"), KeptSetting(Experiment(target="ja"), "second")
    page = page_of(_in_front, kept.entry([first, second])).run()
    assert not page.exception
    assert page.text[0].value == kept.entry([KeptSetting(Experiment(target="fr")), second, first])
    others = [KeptSetting(Experiment(target="es", experts=number), str(number)) for number in range(1, kept.MOST + 1)]
    page = page_of(_in_front, kept.entry(others)).run()
    newest = others[2:]
    assert page.text[0].value == kept.entry(
        [KeptSetting(Experiment(target="fr")), KeptSetting(Experiment(target="ja")), *newest]
    )
