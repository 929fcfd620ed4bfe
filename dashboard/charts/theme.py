"""The style of every page, and small pieces of markup."""

from __future__ import annotations

import html
import re

import streamlit as st

from core import access
from core.charts.palette import POST
from core.language.codes import english_name

BUTTON = "#3b5bdb"
"""The ground of a primary button, on which white is read at 5.9:1."""

_CSS = """
<style>
  .block-container { padding: 1.4rem clamp(1rem, 3vw, 4rem) 3rem; max-width: 1500px; }
  /* What only carries a style or a mark for tests takes no place, nor the gap beside it. */
  [data-testid="stElementContainer"]:has(
    > [data-testid="stHtml"] > :is(style, [data-testid$="-ready"]):only-child) { position: absolute; }
  @media (max-width: 768px) { .block-container { padding-top: 4rem; } }
  h1 { font-size: 1.65rem !important; letter-spacing: -.02em; padding: .2rem 0 0 !important; }
  h2 { font-size: 1.1rem !important; padding-bottom: .25rem !important; }
  [data-testid="stMetricLabel"] :is(p, div) { white-space: normal !important; overflow: visible !important; }
  /* A chart of several panels has a width of its own: a narrow page scrolls it in its place, and not the page. */
  [data-testid="stVegaLiteChart"] { max-width: 100%; overflow: auto hidden; }
  .stElementContainer:has([data-testid="stVegaLiteChart"]) { margin-bottom: -1rem; } /* it has room below its axis */
  /* A row of options breaks where it is wider than a phone. */
  .stHorizontalBlock > .stElementContainer { max-width: 100%; }
  .st-key-summary { padding: .5rem 1rem !important; } .st-key-summary p { line-height: 1.4; }
  .st-key-summary p:not(:last-child) { margin-bottom: .3rem; }
  /* The picture of the setting before, while the present one is computed. */
  .st-key-earlier { opacity: .45; filter: saturate(.6); pointer-events: none; }
  .st-key-between { pointer-events: none; }
  .st-key-ask-half button, .st-key-ask-real button { min-height: 0; padding: 0 .2rem; }
  .st-key-tour-offer { gap: .3rem .8rem; }
  .st-key-tour-offer button { min-height: 2rem; padding: .1rem .7rem; }
  /* The tour's card is docked below the page, which ends above it. */
  :has(> .st-key-tour) { position: sticky; bottom: .6rem; z-index: 20; order: 99; margin-top: auto; }
  :has(> * > .st-key-tour) { min-height: calc(100vh - 4.5rem); }
  .st-key-tour { max-height: 56vh; overflow: auto; background: var(--st-background-color, Canvas); gap: .4rem;
    box-shadow: 0 -2px 18px #0003; padding: .7rem 1rem !important; }
  .st-key-tour [data-testid="stMarkdownContainer"] { margin: 0; }
  .st-key-tour p { line-height: 1.4; margin: 0; }
  @media (max-width: 768px) { /* whole, and small enough to leave room for what it speaks of */
    .st-key-tour { padding: .5rem .8rem !important; gap: .3rem; }
    .st-key-tour p { font-size: .875rem; line-height: 1.32; }
    :has(> * > .st-key-tour) { min-height: calc(100vh - 7.1rem); }
    .st-key-tour [data-testid="stHorizontalBlock"] { gap: .3rem; }
    .st-key-tour button { min-height: 2rem; padding: .1rem .55rem; } }
  @media (min-width: 1100px) { /* beside the heading, so that it moves nothing */
    .block-container { position: relative; }
    :has(> .st-key-tour-offer) { position: absolute; right: clamp(1rem, 3vw, 4rem); top: 1.5rem; width: auto;
      z-index: 2; } }
  [class*="st-key-from-a-pack"] { padding-left: .75rem; border-left: 3px solid #8887; gap: 0;
    margin: -.5rem 0 -.25rem; }
  [class*="st-key-from-a-pack"] .ln-quiet { font-size: .82rem; }
  [data-testid="stMetricValue"] { font-size: 1.75rem; font-variant-numeric: tabular-nums; }
  /* White on the dark theme's light blue cannot be read: primary buttons and chosen options are dark blue in both. */
  [data-testid="stMultiSelectTagsContainer"] [data-tag] { background: BUTTON; color: white; }
  [data-testid="stBaseButton-primary"]:not(:disabled) { background: BUTTON; border-color: BUTTON; color: white; }
  [data-testid="stBaseButton-primary"]:not(:disabled):hover { filter: brightness(1.12); }
  .ln-problem { padding: .7rem 1rem; border-radius: .6rem; background: #e8890c24; overflow-wrap: anywhere; }
  .ln-texts { max-height: 27rem; overflow: auto; border: 1px solid #8884; border-radius: .5rem; font-size: .88rem; }
  .ln-texts table { width: 100%; border-collapse: collapse; line-height: 1.4; margin: 0; }
  .ln-texts th, .ln-texts td { padding: .45rem .7rem; text-align: left; vertical-align: top; border: 0; }
  .ln-texts td { border-top: 1px solid #8883; overflow-wrap: anywhere; min-width: 9rem; }
  .ln-texts td:first-child { white-space: nowrap; min-width: 0; }
  .ln-quiet { font-size: .86rem; opacity: .72; line-height: 1.5; }
  .ln-sentence { margin: .2rem 0 .8rem; padding: .6rem 1rem; border-left: 3px solid POST; font-size: 1.15rem; }
  .ln-sentence small { display: block; opacity: .72; font-size: .9rem; }
  .ln-tokens { font-size: 1.15rem; line-height: 2; white-space: pre-wrap; overflow-wrap: anywhere; }
  .ln-tokens span { border-radius: .2rem; padding: .1rem 0; box-decoration-break: clone; }
  .ln-near { list-style: none; margin: 0 !important; padding: 0 !important; }
  .ln-near li { display: flex; gap: .7rem; align-items: baseline; padding: .45rem .6rem; border-radius: .4rem;
    margin: 0 !important; }
  .ln-near li > div { flex: 1; overflow-wrap: anywhere; } .ln-near small { display: block; opacity: .8; }
  .ln-near .ln-rank { min-width: 1.8rem; text-align: right; font-weight: 700; opacity: .8; }
  .ln-near .ln-sim { font-variant-numeric: tabular-nums; opacity: .8; }
  .ln-near .ln-own { background: #22883330; outline: 1px solid #228833; }
</style>
""".replace("POST", POST).replace("BUTTON", BUTTON)
# A chart that is wider than its place is scrolled with the keyboard too: it can be reached, and those that fit are no
# stop on the way.
_JS = """
<script>
  if (!window.languageNeuronsWide) {
    let waits = false;
    const look = () => {
      waits = false;
      for (const chart of document.querySelectorAll('[data-testid="stVegaLiteChart"]'))
        if (chart.scrollWidth > chart.clientWidth) chart.tabIndex = 0;
        else chart.removeAttribute("tabindex");
    };
    const soon = () => { if (!waits) { waits = true; requestAnimationFrame(look); } };
    window.languageNeuronsWide = new MutationObserver(soon);
    window.languageNeuronsWide.observe(document.body, { subtree: true, childList: true });
    addEventListener("resize", soon);
    soon();
  }
</script>
"""


def style() -> None:
    """Apply the page's style."""
    st.html(_CSS + _JS, unsafe_allow_javascript=True)


def name(code: str) -> str:
    """English name of a language: short enough for a chart."""
    return english_name(code)


def heading(text: str) -> None:
    """A heading of a part of a page, of text that a file gives: shown as text, never as markup."""
    st.html(f"<h2>{html.escape(access.words(text))}</h2>")


def problem(text: str) -> None:
    """A warning; shown as text, never as markup: it quotes what people typed."""
    st.html(f'<div class="ln-problem" role="alert">{html.escape(access.words(text))}</div>')


def plain(text: str) -> str:
    r"""A text for a widget's label, which Streamlit takes for Markdown: a prompt from a link may hold anything.

    >>> print(plain("![x](https://example.org)"))
    \!\[x\]\(https\://example.org\)
    """
    return re.sub(r"([\\\[\]()!*_~`:$<>#])", r"\\\1", text)


def scrolling(table: str, title: str) -> None:
    """A table as HTML, whose texts are wrapped; it scrolls where it is long. ``title`` is read aloud."""
    label = html.escape(title, quote=True)
    st.html(f'<div class="ln-texts" role="region" tabindex="0" aria-label="{label}">{table}</div>')


def quiet(text: str) -> None:
    """A line of small print; shown as text, never as markup."""
    st.html(f'<div class="ln-quiet">{html.escape(access.words(text))}</div>')


def ready() -> None:
    """A mark that is not seen: what was asked for stands on the page. Tests and benchmarks wait for it."""
    st.html('<div data-testid="result-ready"></div>')
