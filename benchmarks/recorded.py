"""The figures that README and docs state, measured and kept in ``docs/measured.json`` with their conditions."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import machine
from core.analyses import grid, rival_spaces, rival_table, transfer, transfer_table
from core.analyses.map_stability import movement
from core.analyses.rival_verdict import verdict
from core.experiment.settings import Experiment
from core.location import default_cache
from core.models.spec import E5
from core.pipeline.engine import Engine
from core.progress import Progress, Terminal
from core.reproduction.published import LANGUAGES
from core.spaces.rivals import RAW, RIVALS
from core.store.store import Store

FILE = Path(__file__).resolve().parent.parent / "docs" / "measured.json"
# What differs from the opening setting, by the name that the record and the texts know a run by.
_EMBEDDED: Mapping[str, Mapping[str, Any]] = {
    "ja": {"target": "ja"},
    "ja, Linear-AcT": {"target": "ja", "method": "linear-act"},
    "ja, random neurons": {"target": "ja", "control": "random"},
    **{target: {"target": target} for target in ("de", "es", "fr", "en")},
}
# The second model that comes with the product: a contrast, where translations lie side by side already.
_E5: Mapping[str, Mapping[str, Any]] = {
    "e5 ja": {"target": "ja", "model": E5, "experts": 500},
    "e5 ja, random neurons": {"target": "ja", "model": E5, "experts": 500, "control": "random"},
}
_PAPER = {"probe_sentences": 300, "eval_sentences": 100, "languages": LANGUAGES}
_FLORES: Mapping[str, Mapping[str, Any]] = {f"flores {target}": {"target": target, **_PAPER} for target in ("es", "ja")}
_FREE: Mapping[str, Mapping[str, Any]] = {"ja, what is free": {"target": "ja"}}
_TRANSFER: Mapping[str, Mapping[str, Any]] = {"ja, transfer": {"target": "ja"}}
# The random control again, with other neurons: one draw says little.
_DRAWS: Mapping[str, Mapping[str, Any]] = {"ja, random draws": {"target": "ja", "control": "random"}}
_SEEDS = range(5)
SPACE_KEYS = (
    *("top1_target", "top1_all", "mexa_all", "mining_f1_all", "reciprocity_all", "hub_skew_all", "never_first_all"),
    *("anisotropy", "effective_rank", "mutual_knn_all", "cka_all", "language_id"),
)
"""What the texts state of a space, by its name in the JSON."""
_WITH_MAP = ("ja",)  # the opening setting
_USED = (
    *("model_revision", "model_digest", "dtype", "layer", "strength", "n_neurons"),
    *("probe_sentences", "eval_sentences", "corpus_digest", "seed"),
)
_KEPT = ("date", "commit", "processor", "family, model", "cores", "bfloat16 flags", "memory", "system", "versions")

Record = dict[str, dict[str, Any]]


def runs(flores: str | None = None) -> dict[str, Mapping[str, Any]]:
    """Give the settings of every run that the texts state; those on FLORES-200 if its folder is given."""
    on_flores = {name: {**settings, "corpus": f"flores:{flores}"} for name, settings in _FLORES.items()}
    return {**_EMBEDDED, **_E5, **_FREE, **_TRANSFER, **_DRAWS, **(on_flores if flores else {})}


def read(path: Path = FILE) -> Record:
    """Read the record: by the name of a run its settings, figures and conditions."""
    record: Record = json.loads(path.read_text(encoding="utf-8"))
    return record


def measure(requested: Mapping[str, Mapping[str, Any]], command: str, path: Path = FILE) -> Record:
    """Run experiments and record each as soon as it is done; the record's other entries stay.

    Parameters
    ----------
    requested : mapping
        By name, the settings that differ from the defaults of `core.experiment.settings.Experiment`.
    command : str
        The command that asks for it, to be recorded.
    path : Path
        The record.
    """
    engine = Engine(Store(default_cache()))
    record = read(path) if path.exists() else {}
    facts = machine.facts(command)  # of the tree as it was: the record is written from the first run on
    for name, settings in requested.items():
        print(f"{name}:", file=sys.stderr)
        experiment = Experiment(**settings)
        if name in _FREE:
            used, figures = _free(engine, experiment)
        elif name in _TRANSFER:
            used, figures = _transfer(engine, experiment)
        elif name in _DRAWS:
            used, figures = _draws(engine, experiment)
        else:
            used, figures = _run(engine, experiment, with_map=name in _WITH_MAP)
        facts["date"] = machine.facts(command)["date"]
        record[name] = {
            "settings": {field: _without_folder(field, value) for field, value in settings.items()},
            "used": used,
            "figures": figures,
            "conditions": {"command": command, **{fact: facts[fact] for fact in _KEPT}},
        }
        path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return record


def _without_folder(field: str, value: Any) -> Any:
    """A setting without the folder of a corpus, which is valid on this machine only."""
    return str(value).partition(":")[0] if field == "corpus" else value


def _run(engine: Engine, experiment: Experiment, with_map: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run an experiment; returns the settings as used, and the figures that the texts state."""
    progress = Progress(Terminal())
    with progress.ticking():
        result = engine.run(experiment, progress).to_json()
        figures = _of_result(result)
        if with_map:
            moved = engine.answer(experiment, movement, progress)
            figures["map"] = {"moved": moved.moved, "noise": moved.noise, "beyond": moved.beyond}
    return {name: result["experiment"][name] for name in _USED}, figures


def _free(engine: Engine, experiment: Experiment) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure what is free, and random neurons by the same measures; returns as `_run` does."""
    progress = Progress(Terminal())
    with progress.ticking():
        spaces = engine.answer(experiment, rival_spaces.compare, progress)
        random = engine.answer(replace(experiment, control="random"), rival_spaces.as_they_are, progress)
    rows = rival_table.to_json(spaces)
    rows = [_short(row) for row in rows if row["space"] == rival_spaces.PRE or row["name"] == RAW.name]
    (control,) = (
        row
        for row in rival_table.to_json(random)
        if row["space"] == rival_spaces.POST and row["layer"] == spaces.plan.layer
    )
    used = spaces.plan.describe()
    return {name: used[name] for name in _USED}, {
        "spaces": rows,
        "random": _short(control),
        "verdict": verdict(spaces).replace("**", ""),
    }


def _transfer(engine: Engine, experiment: Experiment) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train on English and test on all other languages, with all that is free; returns as `_run` does."""
    free = tuple(rival.name for rival in RIVALS.values() if not rival.supervised)
    asked = transfer.Settings(train_languages=("en",), rivals=free)
    progress = Progress(Terminal())
    with progress.ticking():
        plan, found = engine.answer(experiment, lambda run: (run.plan, transfer.transfer(run, asked)), progress)
    said = transfer_table.lesson(found, "en", plan.layer)
    assert said is not None  # the corpus has more languages
    report, used = transfer_table.to_json(found), plan.describe()
    return {name: used[name] for name in _USED}, {
        **{name: report[name] for name in ("task", "majority", "within", "means")},
        "lesson": transfer_table.sentence(said),
    }


def _draws(engine: Engine, experiment: Experiment) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure the space after the intervention on other random neurons, seed by seed; returns as `_run` does."""
    draws, progress = {}, Progress(Terminal())
    with progress.ticking():
        for seed in _SEEDS:
            plan, values = engine.answer(
                replace(experiment, seed=seed), lambda run: (run.plan, grid.cell(run)), progress
            )
            draws[str(seed)] = values
    used = plan.describe()
    return {name: used[name] for name in _USED if name != "seed"}, {"draws": draws}


def _short(row: Mapping[str, Any]) -> dict[str, Any]:
    """A space with the measures that the texts state."""
    kept = ("name", "title", "space", "layer", "chosen", "supervised", "needs", "n")
    return {name: row[name] for name in kept} | {"measures": {key: row["measures"][key] for key in SPACE_KEYS}}


def _of_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """Take the figures from a result as the command line writes it."""
    experiment = result["experiment"]
    rows = [row for row in result["retrieval"] if row["query"] == experiment["target"]]
    best = max(rows, key=lambda row: row["top1_post"])
    return {
        "k": result["experts"]["k"],
        "mean_score": result["experts"]["mean_score"],
        "n": best["n"],
        "candidates": len(rows),
        "pairs": len(result["retrieval"]),
        **result["summary"],
        "distance": result["distance"]["all_pairs"],
        "centred": result["baselines"]["centred"],
        "best_layer": result["baselines"]["best_layer"],
        "best_candidate": {"language": best["candidate"], "pre": best["top1_pre"], "post": best["top1_post"]},
    }
