"""A report of one result as a single HTML file that loads nothing else: pictures, numbers and their conditions."""

from __future__ import annotations

import html as escaping
import json
from collections.abc import Iterable
from urllib.parse import urlencode

import pandas as pd

from core.charts import palette
from core.charts.maps import language_map, window_of
from core.experiment.file import write_experiment
from core.experiment.places import PLACES, passed_on, without_folders
from core.experiment.settings import Experiment
from core.pipeline.result import Result
from dashboard.charts import explore as charts
from dashboard.charts import export, theme
from dashboard.state import link
from dashboard.text import frames, summary
from dashboard.work import free

_STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; color: #212529; background: #fff; max-width: 1000px; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
.scroll { overflow-x: auto; } svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem; border-bottom: 1px solid #dee2e6; text-align: right; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1rem 0; } figcaption, .quiet { color: #5c636a; font-size: .88rem; }
pre { background: #f1f3f5; padding: 1rem; border-radius: .5rem; overflow-x: auto; font-size: .82rem; }
"""


def html(result: Result) -> str:
    """The report.

    Text from a model, a corpus or a person is escaped, so that none of it is read as markup.
    """
    target = theme.name(result.plan.target)
    said = summary.summary(result, free.known(result), free.control(result))
    parts = [
        f"<h1>What the language neurons of {_text(target)} do</h1>",
        *(f"<p>{_emphasised(paragraph)}</p>" for paragraph in said.split("\n\n")),
        *_rivals(result),
        "<h2>Before and after</h2>",
        _table(frames.measure_frame(result), "Each measure in both spaces."),
        *_maps(result),
        f"<h2>{_text(summary.question(target))}</h2>",
        _figure(
            charts.retrieval_bars(frames.bar_frame(result)),
            "Top-1 by candidate language, with 95% intervals (Wilson); orange: the unmodified model after subtracting "
            "each language's mean, which needs no intervention.",
        ),
        _table(_by_candidate(result), f"With {target} as the query."),
        "<h2>The same at every layer</h2>",
        _figure(
            charts.layer_lines(frames.layer_frame(result), result.plan.layer),
            "Mean top-1 over candidate languages; the dashed line is the layer of this report.",
        ),
        "<h2>Conditions</h2>",
        *(f"<p>Note: {_text(_without_places(note, result))}</p>" for note in result.notes),
        f'<p class="quiet">{_text(_without_places(summary.conditions(result), result))}</p>',
        *_again(without_folders(result.plan.experiment)),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Language neurons: {_text(target)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _without_places(text: str, result: Result) -> str:
    for name in PLACES:
        place = getattr(result.plan.experiment, name)
        for part in filter(None, (place, (place or "").partition(":")[2])):
            text = text.replace(part, passed_on(name, part))
    return text


def _rivals(result: Result) -> Iterable[str]:
    """The free rivals, where they have been measured."""
    spaces = free.known(result)
    if spaces is not None:
        yield "<h2>Is it more than what is free?</h2>"
        yield _table(
            frames.rival_frame(spaces, free.control(result)),
            f"Top-1 from {theme.name(result.plan.target)}, with 95% intervals over sentences; p: Wilcoxon's signed "
            "ranks against the intervention, corrected by Holm. Rivals of the unmodified model are fitted on its probe "
            "rows, those under the intervention on probe rows under it; own means on the measured sentences.",
        )


def _by_candidate(result: Result) -> pd.DataFrame:
    rows = result.from_target
    return pd.DataFrame(
        {
            "candidate": [theme.name(code) for code in rows["candidate"]],
            "sentences": rows["n"],
            "before": rows["top1_pre"].map("{:.3f}".format),
            "after": rows["top1_post"].map("{:.3f}".format),
            "mean-centred, before": rows["centred_pre"].map("{:.3f}".format),
            "distance before": rows["distance_pre"].map("{:.3f}".format),
            "distance after": rows["distance_post"].map("{:.3f}".format),
        }
    )


def _maps(result: Result) -> Iterable[str]:
    spaces = [frames.map_frame(result, space, []) for space in (0, 1)]
    window = window_of(pd.concat(spaces))
    colours = palette.colours(result.plan.languages)
    for frame, ghosts, title in zip(spaces, (None, spaces[0]), ("Before", "After"), strict=True):
        # A static picture has no tooltips.
        chart = language_map(frame, colours, window, ghosts)
        yield _figure(
            chart,
            f"{title}: {len(frame):,} sentences. UMAP of before (cosine, fixed seed), after beside it; grey: before.",
        )


def _again(experiment: Experiment) -> Iterable[str]:
    """How to get these numbers again."""
    yield "<h2>The same again</h2>"
    yield f"<p>In the dashboard: <code>?{_text(urlencode(link.to_query(experiment)))}</code></p>"
    yield "<p>On the command line: <code>python -m core run --experiment experiment.json</code>, with this file "
    yield "(of files and folders it has the name alone):</p>"
    settings = json.loads(write_experiment(experiment))
    yield f"<pre>{_text(json.dumps(settings, indent=1, ensure_ascii=False))}</pre>"


def _figure(chart: object, caption: str, width: int = 800) -> str:
    svg = export.svg(chart, width).decode()
    return f'<figure><div class="scroll">{svg}</div><figcaption>{_text(caption)}</figcaption></figure>'


def _table(frame: pd.DataFrame, caption: str) -> str:
    table = frame.to_html(index=False, border=0, escape=True)
    return f'<div class="scroll">{table}</div><p class="quiet">{_text(caption)}</p>'


def _emphasised(markdown: str) -> str:
    """HTML of a text in which pairs of ``**`` mark bold; everything else is escaped."""
    pieces = _text(markdown).split("**")
    return "".join(f"<strong>{piece}</strong>" if number % 2 else piece for number, piece in enumerate(pieces))


def _text(text: str) -> str:
    return escaping.escape(text)
