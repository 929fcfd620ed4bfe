"""The style of every page, and small pieces of markup."""

from __future__ import annotations

import html

import streamlit as st

from core.charts.palette import POST
from core.language.codes import describe

_CSS = """
<style>
  .block-container { padding: 1.4rem clamp(1rem, 3vw, 4rem) 3rem; max-width: 1500px; }
  /* What only carries a style or a mark for tests takes no place, nor the gap beside it. */
  [data-testid="stElementContainer"]:has(
    > [data-testid="stHtml"] > :is(style, [data-testid="result-ready"]):only-child) { position: absolute; }
  @media (max-width: 768px) { .block-container { padding-top: 4rem; } }
  h1 { font-size: 1.65rem !important; letter-spacing: -.02em; padding: .2rem 0 0 !important; }
  h3 { font-size: 1.1rem !important; padding-bottom: .25rem !important; }
  [data-testid="stMetricLabel"] :is(p, div) { white-space: normal !important; overflow: visible !important; }
  .st-key-summary { padding: .6rem 1rem !important; } .st-key-summary p { line-height: 1.45; }
  .st-key-summary p:not(:last-child) { margin-bottom: .3rem; }
  .st-key-tour-offer { padding: .45rem .8rem !important; }
  [data-testid="stMetricValue"] { font-size: 1.75rem; font-variant-numeric: tabular-nums; }
  .ln-problem { padding: .7rem 1rem; border-radius: .6rem; background: #e8890c24; overflow-wrap: anywhere; }
  .ln-quiet { font-size: .86rem; opacity: .72; line-height: 1.5; }
  .ln-sentence { margin: .2rem 0 .8rem; padding: .6rem 1rem; border-left: 3px solid POST; font-size: 1.15rem; }
  .ln-sentence small { display: block; opacity: .72; font-size: .9rem; }
  .ln-near { list-style: none; margin: 0 !important; padding: 0 !important; }
  .ln-near li { display: flex; gap: .7rem; align-items: baseline; padding: .45rem .6rem; border-radius: .4rem;
    margin: 0 !important; }
  .ln-near li > div { flex: 1; overflow-wrap: anywhere; } .ln-near small { display: block; opacity: .65; }
  .ln-near .ln-rank { min-width: 1.8rem; text-align: right; font-weight: 700; opacity: .6; }
  .ln-near .ln-sim { font-variant-numeric: tabular-nums; opacity: .75; }
  .ln-near .ln-own { background: #22883330; outline: 1px solid #228833; }
</style>
""".replace("POST", POST)


def style() -> None:
    """Apply the page's style."""
    st.html(_CSS)


def name(code: str) -> str:
    """English name of a language: short enough for a chart."""
    return describe(code).english


def problem(text: str) -> None:
    """A warning; shown as text, never as markup: it quotes what people typed."""
    st.html(f'<div class="ln-problem" role="alert">{html.escape(text)}</div>')


def quiet(text: str) -> None:
    """A line of small print; shown as text, never as markup."""
    st.html(f'<div class="ln-quiet">{html.escape(text)}</div>')
