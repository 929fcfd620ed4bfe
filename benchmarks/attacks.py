"""Links, configs, tokenizers and tables that are made to break what reads them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.experiment.settings import Experiment


def attacks(folder: Path, asked: Experiment) -> Iterator[tuple[str, Experiment]]:
    """Requests that are made to break, each with a name."""
    for name, changes in {
        "no such home": {"model": "~nosuch/x"},
        "a corpus in no such home": {"corpus": "table:~nosuch/x.tsv"},
        "half a character": {"model": "a\ud800"},
        "a score that none has": {"min_score": 1.5},
        "a processor that is not there": {"device": "cpu:99"},
        "a hundred ranges of layers": {"expert_layers": ",".join(["0-999999"] * 100)},
        "no number": {"strength": float("nan")},
        "a path out": {"corpus": "table:../../../../etc/passwd"},
        "a device as a file": {"corpus": "table:/dev/zero"},
        "nulls": {"model": "a\0b"},
        "experts from no such home": {"experts_from": "~nosuch/x.csv"},
        "experts from a name with nulls": {"experts_from": "a\0b.csv"},
        "experts from half a character": {"experts_from": "a\ud800.csv"},
        "a neuron by thousands of digits": {"experts_from": f"1:down_proj:{'9' * 5000}"},
    }.items():
        yield name, replace(asked, **changes)  # type: ignore[arg-type]
    for name, cells in {"deep": "[" * 100_000, "huge numbers": "1" * 10_000, "half": '["\\ud800"]'}.items():
        (folder / f"{name}.json").write_text(cells, encoding="utf-8")
        yield f"{name} JSON", replace(asked, corpus=f"table:{folder / name}.json")
    for number, change in enumerate(
        [{"num_hidden_layers": 20_000}, {"num_hidden_layers": "x"}, {"hidden_size": -1}, {"vocab_size": [1]}]
    ):
        model = copied(Path(asked.model), folder / f"config-{number}")
        stated = json.loads((model / "config.json").read_text(encoding="utf-8"))
        (model / "config.json").write_text(json.dumps(stated | change), encoding="utf-8")
        yield f"config {change}", replace(asked, model=str(model))
    draw = random.Random(1)
    for number in range(12):
        model = copied(Path(asked.model), folder / f"tokenizer-{number}")
        yield f"tokenizer {broken(model / 'tokenizer.json', draw)}", replace(asked, model=str(model))


def copied(model: Path, to: Path) -> Path:
    """A copy of a model's folder."""
    to.mkdir()
    for file in model.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def broken(path: Path, draw: random.Random) -> str:
    """Put something else in the place of one value of a JSON file; returns where."""
    content = json.loads(path.read_text(encoding="utf-8"))
    at, parent, where = content, content, ""
    while isinstance(at, dict | list) and at:
        key: Any = draw.choice(sorted(at)) if isinstance(at, dict) else draw.randrange(len(at))
        parent, at, where = at, at[key], f"{where}/{key}"
        if draw.random() < 0.25:
            break
    parent[key] = draw.choice([None, -1, "", [], {}, 1 << 40, "x" * 1000, {"type": "nothing"}])
    path.write_text(json.dumps(content), encoding="utf-8")
    return where
