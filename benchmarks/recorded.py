"""The figures that README and docs state, measured and kept in ``docs/measured.json`` with their conditions."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import machine
from core.analyses.map_stability import movement
from core.experiment.settings import Experiment
from core.location import default_cache
from core.pipeline.engine import Engine
from core.progress import Progress, Terminal
from core.reproduction.published import LANGUAGES
from core.store.store import Store

FILE = Path(__file__).resolve().parent.parent / "docs" / "measured.json"
# What differs from the opening setting, by the name that the record and the texts know a run by.
_EMBEDDED: Mapping[str, Mapping[str, Any]] = {
    "ja": {"target": "ja"},
    "ja, Linear-AcT": {"target": "ja", "method": "linear-act"},
    "ja, random neurons": {"target": "ja", "control": "random"},
    **{target: {"target": target} for target in ("de", "es", "fr", "en")},
}
_PAPER = {"probe_sentences": 300, "eval_sentences": 100, "languages": LANGUAGES}
_FLORES: Mapping[str, Mapping[str, Any]] = {f"flores {target}": {"target": target, **_PAPER} for target in ("es", "ja")}
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
    return {**_EMBEDDED, **(on_flores if flores else {})}


def read(path: Path = FILE) -> Record:
    """Read the record: by the name of a run its settings, figures and conditions."""
    record: Record = json.loads(path.read_text(encoding="utf-8"))
    return record


def measure(requested: Mapping[str, Mapping[str, Any]], command: str, path: Path = FILE) -> Record:
    """Run experiments and record each as soon as it is done; the record's other entries stay.

    Parameters
    ----------
    wanted : mapping
        By name, the settings that differ from the defaults of `core.experiment.settings.Experiment`.
    command : str
        The command that asks for it, to be recorded.
    path : Path
        The record.
    """
    engine = Engine(Store(default_cache()))
    record = read(path) if path.exists() else {}
    for name, settings in requested.items():
        print(f"{name}:", file=sys.stderr)
        used, figures = _run(engine, Experiment(**settings), with_map=name in _WITH_MAP)
        facts = machine.facts(command)
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
