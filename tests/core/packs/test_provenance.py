"""A pack names the machine and the day that computed what is in it, from the manifests; who packed it stands apart."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core import machine
from core.errors import PackError
from core.experiment.settings import Experiment
from core.packs import container
from core.packs.pack import Pack, pack
from core.packs.provenance import of_artefacts
from core.pipeline.engine import Engine
from core.store.files import digest
from core.store.store import Store

SERVER = {"version": "0.1.9", "processor": "64 cores of EPYC", "system": "Linux x86_64"}
GPU = {**SERVER, "gpu": "NVIDIA H200"}
PASSES = ("responses", "embeddings")


def computed_by(store: Store, made_by: Callable[[str], dict[str, str]], day: str) -> None:
    """Have every artefact say that another machine computed it on another day, as a shared store would."""
    for path in store.root.glob("*/*/manifest.json"):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        del manifest["sha256"]
        manifest |= {"made_by": made_by(manifest["stage"]), "created": f"{day}T23:30:00+00:00"}
        path.write_text(json.dumps({**manifest, "sha256": digest(manifest)}), encoding="utf-8")


def packed(store: Store, asked: Experiment, path: Path) -> Pack:
    pack(Engine(Store(store.root)), [asked], path, ["ranks"])
    return Pack(path.read_bytes(), path.name)


def test_it_names_the_machine_and_the_day_of_the_artefacts(filled: Store, asked: Experiment, tmp_path: Path) -> None:
    computed_by(filled, lambda stage: GPU if stage in PASSES else SERVER, "2025-03-04")
    opened = packed(filled, asked, tmp_path / "a.pack")
    assert opened.made.computed is not None
    assert opened.made.computed.machine == "NVIDIA H200, 64 cores of EPYC, Linux x86_64"
    assert (opened.made.computed.version, opened.made.date) == ("0.1.9", "2025-03-04")
    today, described = datetime.now(UTC), machine.described()
    assert described["processor"] in opened.made.packed.machine
    assert opened.made.packed.date in {str((today - timedelta(days=ago)).date()) for ago in (0, 1)}
    named = "NVIDIA H200, 64 cores of EPYC, Linux x86_64, version 0.1.9, 2025-03-04"
    assert opened.result(0).notes[0].startswith(f"From a pack: computed on {named}; packed on ")


def test_what_is_computed_and_packed_by_one_machine_on_one_day_says_it_once(
    filled: Store, asked: Experiment, tmp_path: Path
) -> None:
    opened = packed(filled, asked, tmp_path / "a.pack")  # computed in this session
    assert opened.made.computed is not None
    same_day = opened.made.computed.date == opened.made.packed.date
    assert ("; packed on " in str(opened.made)) != same_day


def test_every_setting_has_its_own_origin(filled: Store, asked: Experiment, tmp_path: Path) -> None:
    computed_by(filled, lambda _: SERVER, "2025-03-04")
    other = replace(asked, strength=0.4)
    engine = Engine(Store(filled.root))
    engine.run(other)  # here and now
    pack(engine, [asked, other], tmp_path / "two.pack", [])
    opened = Pack((tmp_path / "two.pack").read_bytes(), "two.pack")
    first, second = opened.origins
    assert (first.machine, first.date) == ("64 cores of EPYC, Linux x86_64", "2025-03-04")
    assert second.machine.startswith("64 cores of EPYC, Linux x86_64 and ")  # which read the neurons of both
    assert second.date >= opened.made.packed.date
    assert opened.origin(opened.result(0)) == first
    assert opened.origin(opened.result(1)) == second


def test_many_machines_and_one_that_is_not_named(filled: Store) -> None:
    artefacts = filled.entries("embeddings")[:5]
    numbered = [
        replace(one, made_by={"version": "1", "processor": f"CPU {n}", "system": "s"})
        for n, one in enumerate(artefacts)
    ]
    found = of_artefacts(numbered)
    assert found is not None
    assert found.machine == "CPU 0, s and CPU 1, s and CPU 2, s and 2 more machines"
    fewer = of_artefacts(numbered[:4])
    assert fewer is not None
    assert fewer.machine.endswith(" and CPU 2, s and 1 more machine")
    unnamed = of_artefacts([replace(artefacts[0], made_by={})])
    assert unnamed is not None
    assert (unnamed.machine, unnamed.version) == ("a machine that is not named", "before 0.2")
    assert of_artefacts([]) is None


def changed(content: Path, change: Callable[[dict[str, Any]], object]) -> bytes:
    """A pack with another manifest."""
    with zipfile.ZipFile(content) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    change(manifest)
    path = content.with_name("changed.pack")
    container.write(path, manifest, files)
    return path.read_bytes()


def test_a_pack_from_before_says_what_it_knows(filled: Store, asked: Experiment, tmp_path: Path) -> None:
    packed(filled, asked, tmp_path / "a.pack")

    def before(manifest: dict[str, Any]) -> None:
        manifest["made"] = manifest.pop("packed")
        del manifest["computed"]

    old = Pack(changed(tmp_path / "a.pack", before), "old.pack")
    old.verify()
    assert (old.made.computed, old.made.date) == (None, "")
    assert str(old.made).startswith(f"packed on {old.made.packed.machine}, ")
    assert "does not say where and when it was computed" in old.result(0).notes[0]


@pytest.mark.parametrize("computed", [[], None, [{}], [{"machine": 3, "version": "", "packages": "", "date": ""}]])
def test_origins_that_are_malformed_are_refused(
    computed: Any, filled: Store, asked: Experiment, tmp_path: Path
) -> None:
    packed(filled, asked, tmp_path / "a.pack")
    content = changed(tmp_path / "a.pack", lambda manifest: manifest.update(computed=computed))
    with pytest.raises(PackError, match="cannot be understood"):
        Pack(content, "a.pack")
