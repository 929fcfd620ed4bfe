"""The specs tell apart what is not the same: the same sentences with their languages in another order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.analyses import map_stability, rival_map, rival_spaces, top_sentences, transfer
from core.corpora.corpus import ParallelSet
from core.corpora.load import load_corpus
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.pipeline.specs import in_order
from core.reproduction.measures import hits_of
from tests.helpers.labelled import write_labelled

DERIVED = ("expertise", "projection", "movement", "rival-map", "rival-measures", "transfer", "top-sentences")
DERIVED += ("reproduced-hits",)


def answers(run: Run) -> dict[str, Any]:
    """What is kept in the order of the languages."""
    rivals = rival_spaces.compare(run, ("probe-means",), ("mexa",))
    found = transfer.transfer(run, transfer.Settings(("en",), None, ("probe-means",)))
    return {
        "experts": run.experts().neurons,
        "maps": run.measures.projection(run.spaces()[1]),
        "movement": map_stability.movement(run),
        "map": rival_map.draw(run, "probe-means", "pre", run.plan.layer),
        "rivals": {
            (space.rival.name, space.space, space.layer, name, part): sentences.values
            for space in rivals.spaces
            for name, parts in space.measured.sentences.items()
            for part, sentences in enumerate(parts)
        },
        "transfer": {key: dict(hits) for key, hits in found.hits.items()},
        "top": [(one.language, one.row, one.outputs) for one in top_sentences.find(run, int(run.experts().neurons[0]))],
        "hits": hits_of(run, None, ("cosine", run.plan.layer)),
    }


def test_another_order_of_the_languages_reads_nothing_that_is_kept_in_this_one(
    asked: Experiment, engine: Engine, tmp_path: Path
) -> None:
    codes = ("en", "de", "ja")
    tables = [write_labelled(tmp_path / f"{order[0]}.tsv", languages=order) for order in (codes, codes[::-1])]
    first, second = (replace(asked, corpus=table, probe_languages=None) for table in tables)
    engine.answer(first, answers)
    shared = engine.answer(second, answers)
    for entry in engine.store.entries():
        if entry.stage in DERIVED:
            engine.store.remove(entry)
    np.testing.assert_equal(shared, engine.answer(second, answers))  # made anew, from the same embeddings


@pytest.mark.parametrize(
    ("orders", "named"),
    [
        ((("en", "ja", "ru"),), False),  # as the embedded corpus has them
        ((("en", "ru", "ja"),), True),
        ((("en", "ja"), ("ja", "en")), True),
        ((("cs", "en", "ja"),), False),  # it has not all of them: as the alphabet has them
        ((("en", "cs", "ja"),), True),
    ],
)
def test_one_order_of_every_set_of_languages_is_not_named(orders: tuple[tuple[str, ...], ...], named: bool) -> None:
    groups = [ParallelSet(("0",), dict.fromkeys(order, ("x",))) for order in orders]
    assert in_order(groups) == ({"languages": [list(order) for order in orders]} if named else {})


def test_the_embedded_corpus_has_its_languages_in_the_order_that_is_not_named() -> None:
    corpus = load_corpus("embedded")
    assert in_order(corpus.evaluation) == {}
