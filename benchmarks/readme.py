"""Write recorded figures and the product's tables into README and docs: ``python -m benchmarks readme``.

A text holds ``<!-- measured:NAME -->`` and ``<!-- /measured -->`` on lines of their own; what stands between them is
the recorded figures' block of that name in `FIGURES`, and is never edited by hand. In the same way
``<!-- table:NAME -->`` and ``<!-- /table -->`` hold a list of `benchmarks.listings.TABLES`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import methods_compared, recorded
from benchmarks.listings import TABLES, table
from benchmarks.recorded import Record
from core.language.codes import label
from core.models.spec import CATALOGUE, E5
from core.spaces.rivals import RAW, RIVALS
from core.spaces.space_measures import SPACE_MEASURES
from core.stats.units import DIMENSIONS, Unit

ROOT = Path(__file__).resolve().parent.parent
_MARKED = re.compile(r"(<!-- (measured|table):([\w-]+) -->\n).*?(<!-- /\2 -->)", re.DOTALL)
_RANDOM = "ja, random neurons"
_E5 = ("e5 ja", "e5 ja, random neurons")
_FREE = "ja, what is free"
_TRANSFER = "ja, transfer"
_DRAWS = "ja, random draws"
_EMBEDDED = ("ja", "ja, Linear-AcT", _RANDOM, "de", "es", "fr", "en")


def run(flores: str | None, record: Path | None, command: str, only: Sequence[str] = ()) -> int:
    """Measure, unless a record is given, and write the figures into the texts.

    Returns the exit status: 2, before any work, where one of ``only`` needs the folder that is not given.

    Parameters
    ----------
    flores : str or None
        The folder of FLORES-200; without it, its figures stay as they were recorded.
    record : Path or None
        Read this record and measure nothing.
    command : str
        The command that was given, to be recorded.
    only : sequence of str
        Names of runs; the figures of all others stay as they were recorded.
    """
    if record:
        figures = recorded.read(record)
    else:
        every = recorded.runs(flores)
        if lacking := [name for name in only if name not in every]:
            print(f"{', '.join(lacking)}: needs --flores DIR", file=sys.stderr)
            return 2
        runs = {name: settings for name, settings in every.items() if not only or name in only}
        figures = recorded.measure(runs, command)
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
    for name in ("ja", _RANDOM, "de", "es", "fr", "en", *_E5):
        figures = record[name]["figures"]
        free = _share(figures["centred"]["pre"]), _share(figures["best_layer"]["pre"])
        rows.append((_named(name), _change(figures["target_top1"]), _change(figures["distance"]), *free))
    return table(("target", "top-1 before -> after", "distance", "free: centred", "free: best layer"), rows)


def _named(name: str) -> str:
    """A run by the language's name: ``Japanese, random neurons``; another model's with the model before it."""
    run = name.removeprefix("e5 ")
    code, comma, suffix = run.partition(",")
    before = f"{CATALOGUE[E5].title}: " if run != name else ""
    return before + label(code).partition(" (")[0] + comma + suffix


def _contrast(record: Record) -> str:
    run, random = (record[name] for name in _E5)
    figures, used = run["figures"], run["used"]
    change, drawn, best = figures["target_top1"], random["figures"]["target_top1"], figures["best_layer"]
    return (
        f"{CATALOGUE[E5].title} was trained to put translations side by side, and is the contrast: with "
        f"{figures['k']:,} of its {used['n_neurons']:,} neurons, Japanese goes {_change(change)} (random neurons "
        f"{_change(drawn)}; free: centred {_share(figures['centred']['pre'])}, layer {best['layer']} "
        f"{_share(best['pre'])}). Only {100 * (1 - change['pre']):.1f} points were left to gain."
    )


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
                _change(_others(figures)) if best else "",
                _share(figures["centred"]["pre"]),
                _share(figures["best_layer"]["pre"]),
            )
        )
    of_experts = ("target", "AUROC of experts", "top-1 before -> after", "all pairs", "distance")
    columns = (*of_experts, "best candidate", "the others")
    layer = record["ja"]["figures"]["best_layer"]["layer"]
    return table((*columns, "free: centred", f"free: layer {layer}"), rows)


def _others(figures: Mapping[str, Any]) -> dict[str, float]:
    """Mean top-1 over all candidates but the best one, before and after."""
    mean, best, n = figures["target_top1"], figures["best_candidate"], figures["candidates"]
    return {side: (mean[side] * n - best[side]) / (n - 1) for side in ("pre", "post")}


def _free(record: Record) -> str:
    """What is free in short: the best spaces that need nothing of a sentence, and the best that need its language."""
    figures = record[_FREE]["figures"]
    layer = record[_FREE]["used"]["layer"]
    rows = figures["spaces"]
    shown = [row for row in rows if row["name"] == RAW.name and row["space"] == "post" and row["layer"] == layer]
    named = (RAW.name, "whitening-label-free", "subspace-whitening", "whitening")
    shown += [row for row in rows if row["name"] in named and row["space"] == "pre" and row["chosen"]]
    return _spaces(shown, figures["random"], layer, ("top1_target", "top1_all", "mexa_all", "language_id"))


def _rival_figures(record: Record) -> str:
    figures = record[_FREE]["figures"]
    return _spaces(figures["spaces"], figures["random"], record[_FREE]["used"]["layer"], recorded.SPACE_KEYS)


def _draws(record: Record) -> str:
    """What several draws of random neurons give, beside the unmodified model and the experts."""
    experts = record["ja"]["figures"]
    draws = list(record[_DRAWS]["figures"]["draws"].values())

    def spread(name: str, before: float, of_experts: float) -> str:
        values = sorted(draw[name] for draw in draws)
        middle = sum(values) / len(values)
        return (
            f"{_share(middle)} on average ({_share(values[0])} to {_share(values[-1])}; "
            f"unmodified {_share(before)}, experts {_share(of_experts)})"
        )

    target, every = experts["target_top1"], experts["all_top1"]
    above = sum(draw["target_top1"] > target["pre"] for draw in draws)
    return (
        f"{len(draws)} draws of {experts['k']:,} random neurons, seeds 0 to {len(draws) - 1}, give "
        f"top-1 {spread('target_top1', target['pre'], target['post'])} and all pairs "
        f"{spread('all_top1', every['pre'], every['post'])}; {above} of {len(draws)} are above the unmodified model. "
        "Which of the experts' values goes to which random neuron follows from the experts' order, which changes with "
        "how a processor rounds: one draw says little."
    )


def _transfer(record: Record) -> str:
    """Zero-shot transfer from English at the setting's layer: what each space gives, and the bounds."""
    run = record[_TRANSFER]
    figures, layer = run["figures"], run["used"]["layer"]
    rows = [("always the most frequent topic", "nothing", _with_interval(figures["majority"], "value"), "")]
    for row in figures["means"]:
        if row["layer"] != layer or (row["space"] == "post" and row["rival"]):
            continue
        rival = RIVALS[row["rival"]] if row["rival"] else RAW
        name = rival.title.lower() if row["rival"] else "the intervention" if row["space"] == "post" else "unmodified"
        gain = _with_interval({"value": row["gain"], "low": row["gain_low"], "high": row["gain_high"]}, "value", "+")
        is_before = row["space"] == "pre" and not row["rival"]
        rows.append((name, rival.when_applied, _with_interval(row, "accuracy"), "" if is_before else gain))
    (english,) = (
        row for row in figures["within"] if row["space"] == "pre" and not row["rival"] and row["layer"] == layer
    )
    rows.append(("unmodified, tested in English", "nothing", _with_interval(english, "value"), ""))
    return table(("space", "needs of a sentence", "accuracy", "over unmodified"), rows)


def _lesson(record: Record) -> str:
    return str(record[_TRANSFER]["figures"]["lesson"])


def _with_interval(values: Mapping[str, Any], name: str, sign: str = "") -> str:
    """A share with its interval: ``.415 [.391, .440]``."""
    value, low, high = (f"{values[key]:{sign}.3f}".replace("0.", ".", 1) for key in (name, "low", "high"))
    return f"{value} [{low}, {high}]"


def _verdict(record: Record) -> str:
    return str(record[_FREE]["figures"]["verdict"])


def _spaces(
    rows: Sequence[Mapping[str, Any]], random: Mapping[str, Any] | None, layer: int, keys: Sequence[str]
) -> str:
    """Write spaces a line each: what it is, what it needs of a sentence, and some measures by key."""
    by_key = {key: measure for measure in SPACE_MEASURES.values() for key in measure.keys}

    def cells(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
        values = (_value(row["measures"][key], by_key[key].unit) for key in keys)
        rival = RAW if row["name"] == RAW.name else RIVALS[row["name"]]
        return (name, str(row["layer"]), rival.when_applied, *values)

    lines = [cells(_space_name(row, layer), row) for row in rows]
    if random is not None:  # a record may lack it
        lines.append(cells("random neurons", random))
    titles = (f"{by_key[key].title}{', all pairs' if key == 'top1_all' else ''}" for key in keys)
    return table(("space", "layer", "needs of a sentence", *titles), lines)


def _space_name(row: Mapping[str, Any], layer: int) -> str:
    if row["name"] != RAW.name:
        return str(row["title"]).lower()
    if row["space"] == "post":
        return "the intervention"
    return "unmodified" if row["layer"] == layer else "unmodified, another layer"


def _value(value: float, unit: Unit) -> str:
    return _share(value) if unit is not DIMENSIONS and abs(value) < 1 else f"{value:,.2f}"


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
        f"- The whole reproduction took {sum(report['seconds_by_step'].values()) / 60:.0f} minutes, "
        f"the sum of the steps of its report of {report['written'][:10]}."
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


def _change(values: Mapping[str, Any]) -> str:
    return f"{_share(values['pre'])} -> {_share(values['post'])}"


def _share(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


FIGURES: Mapping[str, Callable[[Record], str]] = {
    "headline": _headline,
    "setting": _setting,
    "embedded": _embedded,
    "free": _free,
    "rivals": _rival_figures,
    "verdict": _verdict,
    "transfer": _transfer,
    "lesson": _lesson,
    "draws": _draws,
    "together": _together,
    "contrast": _contrast,
    "flores": _flores,
    "map": _map,
    "speed": _speed,
    "conditions": _conditions,
    "methods-compared": lambda _: methods_compared.table(),
}
