"""Write recorded figures and the product's tables into README and docs: ``python -m benchmarks readme``.

A text holds ``<!-- measured:NAME -->`` and ``<!-- /measured -->`` on lines of their own; what stands between them is
the recorded figures' block of that name in `FIGURES`, and is never edited by hand. In the same way
``<!-- table:NAME -->`` and ``<!-- /table -->`` hold a list of `TABLES`, made from what the
product itself reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import recorded
from benchmarks.recorded import Record
from core.corpora.download.catalogue import catalogue
from core.corpora.formats import FORMATS
from core.experiment.names import SETTINGS, Setting
from core.language.codes import label
from core.neurons.interventions import METHODS
from core.neurons.scores import SCORES
from core.pipeline.measure_table import MEASURES
from core.spaces.retrieval import RANK_MEASURES
from core.spaces.similarity import COMPARISONS

ROOT = Path(__file__).resolve().parent.parent
_MARKED = re.compile(r"(<!-- (measured|table):([\w-]+) -->\n).*?(<!-- /\2 -->)", re.DOTALL)
_RANDOM = "ja, random neurons"
_EMBEDDED = ("ja", "ja, Linear-AcT", _RANDOM, "de", "es", "fr", "en")


def run(flores: str | None, record: Path | None, command: str) -> int:
    """Measure, unless a record is given, and write the figures into the texts; returns the exit status, 0.

    Parameters
    ----------
    flores : str or None
        The folder of FLORES-200; without it, its figures stay as they were recorded.
    record : Path or None
        Read this record and measure nothing.
    command : str
        The command that was given, to be recorded.
    """
    figures = recorded.read(record) if record else recorded.measure(recorded.runs(flores), command)
    for path in texts():
        old = path.read_text(encoding="utf-8")
        if (new := written(old, figures)) != old:
            path.write_text(new, encoding="utf-8")
            print(path.relative_to(ROOT))
    return 0


def texts() -> list[Path]:
    """Give the files that may hold markers."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def written(text: str, record: Record) -> str:
    """Replace the blocks between the markers of a text by the record's figures and the product's tables."""

    def block(match: re.Match[str]) -> str:
        content = FIGURES[match[3]](record) if match[2] == "measured" else TABLES[match[3]]()
        return f"{match[1]}{content}\n{match[4]}"

    return _MARKED.sub(block, text)


def blocks(text: str) -> list[tuple[str, str, str]]:
    """Give the kind, the name and the content of every marked block of a text."""
    return [(m[2], m[3], m[0].removeprefix(m[1]).removesuffix(m[4])) for m in _MARKED.finditer(text)]


def _headline(record: Record) -> str:
    rows = []
    for name in ("ja", _RANDOM, "de", "es", "fr", "en"):
        figures = record[name]["figures"]
        free = _share(figures["centred"]["pre"]), _share(figures["best_layer"]["pre"])
        rows.append((_named(name), _change(figures["target_top1"]), _change(figures["distance"]), *free))
    return _table(("target", "top-1 before -> after", "distance", "free: centred", "free: best layer"), rows)


def _named(name: str) -> str:
    """A run by the language's name: ``Japanese, random neurons``."""
    code, comma, suffix = name.partition(",")
    return label(code).partition(" (")[0] + comma + suffix


def _setting(record: Record) -> str:
    used, figures = record["ja"]["used"], record["ja"]["figures"]
    return (
        f"The embedded model and corpus ({figures['candidates'] + 1} languages, {figures['n']} evaluation rows, "
        f"layer {used['layer']}, strength {used['strength']:g}, {figures['k']:,} of {used['n_neurons']:,} neurons, "
        f"{used['dtype']}); top-1 is the mean over {figures['candidates']} candidate languages, with the target as the "
        "query."
    )


def _embedded(record: Record) -> str:
    rows = []
    for name in _EMBEDDED:
        figures = record[name]["figures"]
        best = figures.get("best_candidate")
        rows.append(
            (
                name,
                "" if name == _RANDOM else _share(figures["mean_score"]),
                _change(figures["target_top1"]),
                _change(figures["all_top1"]),
                _change(figures["distance"]),
                f"{best['language']} {_change(best)}" if best else "",
                _share(figures["centred"]["pre"]),
                _share(figures["best_layer"]["pre"]),
            )
        )
    columns = ("target", "AUROC of experts", "top-1 before -> after", "all pairs", "distance", "best candidate")
    layer = record["ja"]["figures"]["best_layer"]["layer"]
    return _table((*columns, "free: centred", f"free: layer {layer}"), rows)


def _together(record: Record) -> str:
    ja, linear = record["ja"]["figures"]["centred"], record["ja, Linear-AcT"]["figures"]["centred"]
    return (
        f"For Japanese, set-mean and mean-centring together give {_share(ja['post'])}, against {_share(ja['pre'])} for "
        f"centring alone; Linear-AcT and centring give {_share(linear['post'])}."
    )


def _flores(record: Record) -> str:
    lines = []
    for name in ("flores es", "flores ja"):
        run = record[name]
        figures = run["figures"]
        lines.append(
            f"- Target {run['settings']['target']}: {_change(figures['target_top1'])} over {figures['candidates']} "
            f"candidates (all {figures['pairs']} pairs {_change(figures['all_top1'])}, distance "
            f"{_change(figures['distance'])}, centred {_change(figures['centred'])})."
        )
    return "\n".join(lines)


def _map(record: Record) -> str:
    movement = record["ja"]["figures"]["map"]
    return (
        f"On the map of the opening setting, the median sentence moves {movement['moved']:.1f} units; fitted again "
        f"with another seed and laid onto the first, a point lands {movement['noise']:.1f} units from itself, and "
        f"{movement['beyond']:.0%} of the sentences move farther than the refit moves 95% of all points."
    )


def _speed(_: Record) -> str:
    rows = dict(re.findall(r"^- \*\*([\w-]+)\*\*: ([\d.]+) ", _results(), re.MULTILINE))
    report = json.loads((ROOT / "docs" / "reproduction" / "report.json").read_text(encoding="utf-8"))
    return (
        f"- A control's change to a known setting takes the server {float(rows['control-change']):.2f} s.\n"
        f"- A known page opens in a new browser on the same machine in {float(rows['cached-page']):.1f} s.\n"
        f"- The map in motion draws {float(rows['map-motion']):.0f} frames a second with 2,400 points and "
        f"{float(rows['map-motion-22000']):.0f} with 22,000.\n"
        f"- The whole reproduction takes {sum(report['seconds_by_step'].values()) / 60:.0f} minutes."
    )


def _results() -> str:
    return (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")


def _conditions(record: Record) -> str:
    """When, on what and from which commit each group of runs was measured; runs with the same conditions together."""
    groups: dict[str, list[str]] = {}
    for name, run in record.items():
        facts = {fact: value for fact, value in run["conditions"].items() if fact != "date"}
        groups.setdefault(json.dumps(facts), []).append(name)
    lines = []
    for key, names in groups.items():
        dates = sorted(record[name]["conditions"]["date"] for name in names)
        lines.append(f"- **{'; '.join(names)}**: {dates[0]}{f' to {dates[-1]}' if dates[-1] != dates[0] else ''}")
        lines += [f"  - {fact}: {_readable(fact, value)}" for fact, value in json.loads(key).items()]
    return "\n".join(lines)


def _readable(fact: str, value: str) -> str:
    """A condition for readers: commands as code, without packages that were not installed."""
    if fact == "versions":
        return ", ".join(package for package in value.split(", ") if not package.endswith(" not installed"))
    return f"`{value}`" if fact == "command" else value


def _settings() -> str:
    return _table(
        ("option", "what it is", "default"),
        (
            (f"`{setting.option}`", f"{setting.help}{_choices(setting)}", _default(setting))
            for setting in SETTINGS.values()
        ),
    )


def _choices(setting: Setting) -> str:
    names = [f"`{name}`" for name in setting.kind.choices or ()]
    return f": {', '.join(names)}" if names and len(names) < len(METHODS) else ""


def _default(setting: Setting) -> str:
    value = setting.default
    if value is None:
        return setting.unset
    return f"`{','.join(value) if isinstance(value, tuple) else value}`"


def _scores() -> str:
    rows = ((f"`{score.name}`", score.title, score.about, score.reading) for score in SCORES.values())
    return _table(("score (`--score`)", "title", "what it measures", "how to read it"), rows)


def _methods() -> str:
    rows = ((f"`{method.name}`", method.title, f"`{method.formula}`") for method in METHODS.values())
    return _table(("intervention (`--method`)", "title", "what an output `z` becomes, at strength `s`"), rows)


def _measures() -> str:
    rows = (
        (
            f"`{measure.name}`",
            measure.titled(),
            f"`{'.'.join(measure.json_place)}`",
            "higher" if measure.higher_is_better else "lower",
            measure.explained(),
        )
        for measure in MEASURES.values()
    )
    return _table(("measure", "title", "in the JSON", "better", "what it says"), rows)


def _rank_measures() -> str:
    rows = ((f"`{measure.name}`", measure.title, measure.about) for measure in RANK_MEASURES.values())
    return _table(("measure", "title", "what it says"), rows)


def _comparisons() -> str:
    rows = (
        (f"`{comparison.name}`", comparison.title, comparison.about, comparison.needs)
        for comparison in COMPARISONS.values()
    )
    return _table(("way", "title", "what is done", "what it needs"), rows)


def _corpora() -> str:
    rows = ((f"`{form.name}`", f"`{form.form}`", form.about) for form in FORMATS.values())
    return _table(("corpus", "written as", "what it is"), rows)


def _datasets() -> str:
    rows = ((f"`{data.name}`", data.title, data.about, data.licence) for data in catalogue().values())
    return _table(("data set", "title", "what it is", "licence"), rows)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _change(values: Mapping[str, Any]) -> str:
    return f"{_share(values['pre'])} -> {_share(values['post'])}"


def _share(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


FIGURES: Mapping[str, Callable[[Record], str]] = {
    "headline": _headline,
    "setting": _setting,
    "embedded": _embedded,
    "together": _together,
    "flores": _flores,
    "map": _map,
    "speed": _speed,
    "conditions": _conditions,
}
TABLES: Mapping[str, Callable[[], str]] = {
    "settings": _settings,
    "scores": _scores,
    "methods": _methods,
    "measures": _measures,
    "rank-measures": _rank_measures,
    "comparisons": _comparisons,
    "corpora": _corpora,
    "datasets": _datasets,
}
