"""Packs that somebody has changed who knows how a pack is written."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.packs import container


def altered(packed: Path, change: Callable[[list[Any]], object]) -> bytes:
    """A pack whose answers were changed by somebody who knows how a pack is written."""
    with zipfile.ZipFile(packed) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest, answers = json.loads(files.pop("manifest.json")), json.loads(files["answers.json"])
    change(answers)
    path = packed.with_name("altered.pack")
    container.write(path, manifest, {**files, "answers.json": json.dumps(answers).encode()})
    return path.read_bytes()


CHANGES: dict[str, Callable[[list[Any]], object]] = {
    "no plan": lambda entries: entries[0]["answers"]["result"]["with"].update(plan=None),
    "a plan without a model": lambda entries: plan_of(entries).update(resolved=None),
    "a target that is a number": lambda entries: plan_of(entries).update(target=3),
    "languages in a list": lambda entries: plan_of(entries)["experiment"]["with"].update(languages=["de"]),
    "seconds in words": lambda entries: entries[0]["answers"]["result"]["with"].update(seconds={"map": [["a", "b"]]}),
    "another answer": lambda entries: entries[0]["answers"].update(ranks=entries[0]["answers"]["result"]),
    "no answers": lambda entries: entries[0].update(answers=None),
    "no setting": lambda entries: entries.clear(),
    "a setting of another kind": lambda entries: entries[0].update(setting={"tuple": []}),
}


def plan_of(entries: list[Any]) -> dict[str, Any]:
    """The fields of the first result's plan."""
    fields: dict[str, Any] = entries[0]["answers"]["result"]["with"]["plan"]["with"]
    return fields
