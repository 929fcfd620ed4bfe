"""The report as one self-contained HTML page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from core.progress import duration
from core.reproduction import published
from core.reproduction.charts.figure import Figure
from core.reproduction.verdicts import Verdict

_CSS = """
body { font: 15px/1.5 system-ui, sans-serif; color: #212529; }
body { max-width: 1080px; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.7rem; letter-spacing: -.02em; }
h2 { margin-top: 2.6rem; border-top: 1px solid #dee2e6; padding-top: 1rem; }
table { border-collapse: collapse; margin: .8rem 0; font-variant-numeric: tabular-nums; }
table { display: block; overflow-x: auto; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #e9ecef; text-align: left; } td.n { text-align: right; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 0 1.5rem; }
figure { margin: 1.2rem 0; overflow-x: auto; } figure img { max-width: 100%; height: auto; }
figcaption, .quiet { color: #5c6570; font-size: .88rem; }
.state { display: inline-block; min-width: 8.2rem; font-weight: 650; } .lead { font-size: 1.05rem; }
.held { color: #1a7a3c; } .part { color: #9a6700; } .not { color: #b42318; } .beyond { color: #3b5bdb; }
li { margin: .5rem 0; } code { background: #f1f3f5; padding: 0 .25rem; overflow-wrap: anywhere; }
"""
_CLASSES = {"held": "held", "held in part": "part", "did not hold": "not", "": "beyond"}

_UNSET = {
    "revision": "default",
    "adapter": "none",
    "perplexity_texts": "none: evaluation sentences",
    "transfer_corpus": "as corpus",
    **dict.fromkeys(("tatoeba", "bucc", "pawsx"), "not asked for"),
}


@dataclass(frozen=True)
class Section:
    """One item as the page shows it.

    Attributes
    ----------
    compared : DataFrame
        Its rows of `core.reproduction.comparison.comparison`.
    missing : str
        Why the item has no results; empty if it has some.
    measured : str
        When and on which machine, as a sentence.
    """

    name: str
    title: str
    figures: Sequence[Figure]
    tables: Sequence[str]
    verdicts: Sequence[Verdict]
    compared: pd.DataFrame
    missing: str
    measured: str = ""


def page(
    folder: Path,
    conditions: Mapping[str, Any],
    notes: Sequence[str],
    sections: Sequence[Section],
    seconds: Mapping[str, float],
    stages: Mapping[str, float],
) -> str:
    """Write the whole page.

    Parameters
    ----------
    folder : Path
        The report's folder; the figures are in ``figures/`` in it.
    seconds, stages : mapping of str to float
        Time by step, and by what the machine was doing.
    """
    title = f"Steering into new embedding spaces: {conditions['model']}"
    missing = [section for section in sections if section.missing]
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p class=quiet>Published figures: {escape(published.SOURCE)}.</p>",
        _lead(conditions, [verdict for section in sections for verdict in section.verdicts]),
        _contents([section for section in sections if not section.missing]),
        "<h2 style='border:0'>What held, and what did not</h2>",
        _verdicts([verdict for section in sections for verdict in section.verdicts]),
    ]
    if missing:
        body.append("<h3>What is missing</h3>" + _list(f"{s.title}: {s.missing}" for s in missing))
    body += [_section(folder, section) for section in sections if not section.missing]
    body += [
        "<h2 id=conditions>Conditions</h2>",
        _list(notes),
        _conditions(conditions),
        "<h2 id=time>Time</h2>",
        _seconds(seconds),
        _stages(stages),
    ]
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{escape(title)}</title>"
        f"<meta name=viewport content='width=device-width'><style>{_CSS}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )


def compared_table(compared: pd.DataFrame) -> pd.DataFrame:
    """Make a table with one row a figure: the measured value, then each model's published value and the difference.

    Returns
    -------
    DataFrame
        ``measure, space, measured``, then for each published model its figure and ``difference (model)``.
    """
    rows = []
    for (measure, space), part in compared.groupby(["measure", "space"], sort=False):
        row: dict[str, Any] = {"measure": measure, "space": space, "measured": part["measured"].iloc[0]}
        for figure in part.itertuples():
            row[str(figure.published_model)] = figure.published
            row[f"difference ({figure.published_model})"] = figure.difference
        rows.append(row)
    return pd.DataFrame(rows)


def table_html(frame: pd.DataFrame) -> str:
    """Write a table as HTML; numbers with three decimals, differences with a sign."""
    head = "".join(f"<th>{escape(str(name))}</th>" for name in frame)
    lines = []
    for row in frame.to_dict("records"):
        cells = []
        for name, value in row.items():
            if isinstance(value, float):
                text = "" if value != value else format(value, "+.3f" if "difference" in str(name) else ".3f")
                cells.append(f"<td class=n>{text}</td>")
            else:
                cells.append(f"<td>{escape(str(value))}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _section(folder: Path, section: Section) -> str:
    parts = [f"<h2 id='{escape(section.name)}'>{escape(section.title)}</h2>", _verdicts(section.verdicts)]
    if len(section.compared):
        parts.append("<p class=quiet>Measured, beside what was published for each model.</p>")
        parts.append(table_html(compared_table(section.compared)))
    parts.append(f"<div class=figures>{''.join(_figure(folder, figure) for figure in section.figures)}</div>")
    files = ", ".join(f"<code>{escape(name)}</code>" for name in section.tables)
    parts.append(f"<p class=quiet>All measurements: {files} {escape(section.measured)}</p>")
    return "".join(parts)


def _figure(folder: Path, figure: Figure) -> str:
    kind, mime = ("png", "image/png") if figure.bitmap else ("svg", "image/svg+xml")
    data = base64.b64encode((folder / "figures" / f"{figure.name}.{kind}").read_bytes()).decode()
    caption = escape(figure.caption)
    width = " width=760" if figure.bitmap else ""
    image = f"<img{width} alt='{caption}' src='data:{mime};base64,{data}'>"
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _verdicts(verdicts: Sequence[Verdict]) -> str:
    lines = [
        f"<li><span class='state {_CLASSES[v.state]}'>{escape(v.state or 'beyond the paper')}</span> "
        f"<b>{escape(v.claim)}</b><br>"
        f"{escape(v.text).replace('-&gt;', '→')}</li>"
        for v in verdicts
    ]
    return f"<ul>{''.join(lines)}</ul>" if lines else ""


def _list(lines: Any) -> str:
    return "<ul>" + "".join(f"<li>{escape(str(line))}</li>" for line in lines) + "</ul>"


def _conditions(conditions: Mapping[str, Any]) -> str:
    shown = {
        name: ", ".join(map(str, value))
        if isinstance(value, list)
        else _UNSET.get(name, "all")
        if value is None
        else str(value)
        for name, value in conditions.items()
    }
    shown = {name.replace("_", " "): value for name, value in shown.items()}
    return table_html(pd.DataFrame({"setting": list(shown), "value": list(shown.values())}))


def _seconds(seconds: Mapping[str, float]) -> str:
    """Write the time of each item; report.json has every step."""
    by_item = {"in all": sum(seconds.values())}
    for name, spent in seconds.items():
        item = name.partition(":")[0]
        by_item[item] = by_item.get(item, 0.0) + spent
    rows = {"item": list(by_item), "time": [duration(spent) for spent in by_item.values()]}
    return table_html(pd.DataFrame(rows))


def _stages(stages: Mapping[str, float]) -> str:
    """Write the time of each kind of work, the longest first."""
    longest = sorted(((name, spent) for name, spent in stages.items() if spent >= 0.5), key=lambda pair: -pair[1])
    rows = {"stage": [name for name, _ in longest], "time": [duration(spent) for _, spent in longest]}
    return table_html(pd.DataFrame(rows)) if longest else ""


def _lead(conditions: Mapping[str, Any], verdicts: Sequence[Verdict]) -> str:
    """Say in two sentences what was measured, and how many of the published claims held."""
    counts = {state: sum(verdict.state == state for verdict in verdicts) for state in _CLASSES if state}
    total = sum(counts.values())
    outcomes = ", ".join(f"{n} {state}" for state, n in counts.items())
    text = (
        f"{conditions['experts']:,} of {conditions['n_neurons']:,} neurons of {conditions['model']} "
        f"({conditions['dtype']}) are held at their mean on a target language ({', '.join(conditions['targets'])}); "
        f"measured on {conditions['eval_sentences']:,} sentences in {len(conditions['languages'])} languages of "
        f"{conditions['corpus']}, seed {conditions['seed']}."
    )
    return f"<p class=lead>{escape(text)} <b>Of {total} published claims: {escape(outcomes)}.</b></p>"


def _contents(sections: Sequence[Section]) -> str:
    links = " · ".join(f"<a href='#{escape(s.name)}'>{escape(s.title)}</a>" for s in sections)
    further_links = " · <a href='#conditions'>Conditions</a> · <a href='#time'>Time</a>"
    return f"<nav class=quiet>{links}{further_links}</nav>"
