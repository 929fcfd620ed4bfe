"""The clock of a tour that plays by itself: counts in the browser, and stops when the visitor touches the page."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import streamlit as st

_HTML = '<div class="clock"><div class="past"></div></div>'
_CSS = """
.clock { height: 3px; border-radius: 2px; background: color-mix(in srgb, currentColor 18%, transparent); }
.past { height: 100%; width: 0; border-radius: 2px; background: #3b5bdb; }
"""
# A touch is one that a person makes: a key, a press, the wheel; not what scripts do. It counts between two clocks too.
_JS = """
const touches = ["pointerdown", "keydown", "wheel"];
if (!window.languageNeuronsTouch) {
  const touch = window.languageNeuronsTouch = { seen: false, tell: null };
  const touched = event => { if (event.isTrusted) { touch.seen = true; touch.tell?.(); } };
  for (const name of touches) document.addEventListener(name, touched, { capture: true, passive: true });
}
export default function ({ data, parentElement, setTriggerValue }) {
  if (parentElement.stopsClock) return parentElement.stopsClock;  // the page was drawn again: it counts on
  const touch = window.languageNeuronsTouch, past = parentElement.querySelector(".past"), begun = performance.now();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (data.begins) touch.seen = false;
  const stop = () => { clearInterval(timer); if (touch.tell === look) touch.tell = null; };
  const end = what => { stop(); setTriggerValue("told", what); };
  const look = () => {
    const share = Math.min(1, (performance.now() - begun) / (1000 * data.seconds));
    if (!still) past.style.width = `${100 * share}%`;
    if (touch.seen) { touch.seen = false; end("touched"); } else if (share === 1) end("over");
  };
  const timer = setInterval(look, 100);
  touch.tell = look;
  return parentElement.stopsClock = stop;
}
"""


@cache
def _component() -> Any:
    return st.components.v2.component("language_neurons_story_clock", html=_HTML, css=_CSS, js=_JS)


def draw(seconds: float, *, begins: bool, key: str) -> Literal["over", "touched"] | None:
    """Draw the clock.

    Parameters
    ----------
    seconds : float
        How long it counts.
    begins : bool
        Whether the visitor has just let it play: what they touched before does not count.
    key : str
        Another key is a clock that begins anew.

    Returns
    -------
    {"over", "touched"} or None
        In the run of the page in which the time is over, or the visitor has touched the page; else None.
    """
    told = _component()(data={"seconds": seconds, "begins": begins}, key=key, on_told_change=lambda: None).told
    return told if told in ("over", "touched") else None
