"""The picture that a new machine shows first is of this version's model, sentences and stages, and holds together.

`make pack` makes it. To compute its setting again takes minutes; so a smaller setting of the same model and sentences,
packed by the same command, is held against what this machine computes.
"""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.packs.pack import Pack
from core.packs.pack_folder import OPENING
from core.store.stage import STAGES
from tests.helpers.command_line import ROOT, EmbeddedRun

# Two machines may run the model in other precisions (bfloat16, float32) and by other kernels.
TOLERANCE = {"share": 0.05, "distance": 0.03}
READ_BY_A_RESULT = ("responses", "expertise", "embeddings", "layer", "profile", "projection", "ranks", "movement")


@pytest.fixture(scope="module")
def opening() -> Pack:
    return Pack(OPENING.read_bytes(), OPENING.name)


def test_it_is_small_and_says_where_it_is_from(opening: Pack) -> None:
    opening.verify()
    assert OPENING.stat().st_size < 3_000_000
    assert opening.made.packed.machine
    assert opening.made.packed.date


def test_it_is_the_opening_setting_on_this_versions_model_and_sentences(opening: Pack) -> None:
    assert opening.settings == (Experiment(),)
    shipped, present = opening.result(0).plan, plan(Experiment())
    assert shipped.resolved.digest == present.resolved.digest
    assert shipped.corpus.digest == present.corpus.digest
    assert shipped.groups == present.groups
    assert (shipped.layer, shipped.target, shipped.outline) == (present.layer, present.target, present.outline)
    assert (len(shipped.probe), shipped.probe.languages) == (len(present.probe), present.probe.languages)


def test_it_was_computed_by_this_versions_stages() -> None:
    with zipfile.ZipFile(OPENING) as archive:
        stated = json.loads(archive.read("manifest.json"))["stages"]
    assert {name: stated[name] for name in READ_BY_A_RESULT} == {
        name: STAGES[name].version for name in READ_BY_A_RESULT
    }


def test_its_retrieval_follows_from_its_ranks(opening: Pack) -> None:
    result = opening.result(0)
    ranks = opening.find(Experiment(), "ranks")
    assert ranks is not None
    for side, space in zip(("pre", "post"), ranks, strict=True):
        for row in result.from_target.to_dict("records"):
            found = space.of(str(row["candidate"]))
            assert len(found) == row["n"]
            assert np.mean(found == 1) == pytest.approx(row[f"top1_{side}"])


def test_this_machine_computes_what_was_packed(embedded: EmbeddedRun) -> None:
    shipped = Pack((ROOT / "tests" / "data" / "small.pack").read_bytes(), "small.pack").result(0).to_json()
    own = embedded.result
    assert shipped["experiment"]["corpus_digest"] == own["experiment"]["corpus_digest"]
    assert shipped["experiment"]["model_digest"] == own["experiment"]["model_digest"]
    assert shipped["experts"]["mean_score"] == pytest.approx(own["experts"]["mean_score"], abs=0.005)
    for name in ("target_top1", "all_top1"):
        for side in ("pre", "post"):
            there, here = shipped["summary"][name][side], own["summary"][name][side]
            assert there == pytest.approx(here, abs=TOLERANCE["share"])
    for side in ("pre", "post"):
        there, here = shipped["distance"]["all_pairs"][side], own["distance"]["all_pairs"][side]
        assert there == pytest.approx(here, abs=TOLERANCE["distance"])
