"""The map in motion: what the browser is given, and that it moves without asking the server."""

from __future__ import annotations

import pandas as pd
import pytest
from playwright.sync_api import expect

from dashboard import look
from dashboard.morph.component import given
from dashboard.page import explore
from tests.dashboard.browsing import Visit
from tests.dashboard.made import make_result

Link = dict[str, str]


def frames() -> dict[float, pd.DataFrame]:
    result = make_result()
    return {0.0: explore.map_frame(result, 0, []), 1.0: explore.map_frame(result, 1, [])}


def test_the_browser_gets_every_point_of_every_strength() -> None:
    made, languages = frames(), ("en", "es", "ja", "zh")
    data = given(made, languages, ["ja"])
    assert data["strengths"] == [0.0, 1.0]
    for strength, flat in zip(data["strengths"], data["frames"], strict=True):
        rows = made[strength]
        assert flat[0::2] == pytest.approx(rows["x"].tolist(), abs=1e-3)
        assert flat[1::2] == pytest.approx(rows["y"].tolist(), abs=1e-3)
    assert [languages[number] for number in data["language"]] == made[0.0]["language"].tolist()
    assert data["texts"] == made[0.0]["text"].tolist()
    assert data["shown"] == [False, False, True, False]
    assert data["names"] == [look.name(code) for code in languages]


def test_one_strength_does_not_move() -> None:
    with pytest.raises(ValueError, match="two strengths"):
        given({0.0: frames()[0.0]}, ("en", "es", "ja", "zh"), [])


def test_it_moves_in_the_browser_alone(visit: Visit, server: str, small_link: Link) -> None:
    visitor = visit(server)
    sent: list[object] = []
    asked: list[str] = []
    visitor.page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    visitor.opens(small_link | {"view.maps": "in motion"})
    expect(visitor.page.get_by_test_id("result-ready")).to_be_attached()
    canvas = visitor.page.locator(".morph canvas")
    expect(canvas).to_be_visible()
    expect(canvas).to_have_attribute(
        "aria-label", "Map of 160 sentences in 4 languages, moving as the strength grows from 0 to 1."
    )
    visitor.page.wait_for_timeout(3000)  # the page is at rest
    before = (len(sent), canvas.evaluate("c => c.toDataURL()"))
    visitor.page.on("request", lambda request: asked.append(request.url))
    slider = visitor.page.get_by_role("slider", name="Strength of the intervention")
    slider.focus()
    for _ in range(20):
        slider.press("PageUp")
    expect(visitor.page.locator(".morph output")).to_have_text("strength 1: computed")
    after = canvas.evaluate("c => c.toDataURL()")
    assert after != before[1]
    slider.press("PageDown")
    expect(visitor.page.locator(".morph output")).to_contain_text("between 0 and 1, drawn straight")
    assert len(sent) == before[0]
    assert asked == []
    slider.press("Home")
    expect(visitor.page.locator(".morph output")).to_have_text("strength 0: computed")
    assert canvas.evaluate("c => c.toDataURL()") == before[1]
