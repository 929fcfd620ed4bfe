"""A map of a rival's space is a UMAP of that space alone."""

from __future__ import annotations

import numpy as np

from core.analyses import rival_map
from core.analyses.rival_spaces import POST, PRE
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.spaces.projection import joint_umap
from core.spaces.rivals import RAW, RIVALS, Rival
from core.store.store import Store
from tests.helpers.tiny import LANGUAGES


def test_a_map_is_a_umap_of_the_mapped_sentences(asked: Experiment, filled: Store) -> None:
    engine = Engine(filled)
    for rival, space in ((RIVALS["whitening"], PRE), (RAW, POST)):

        def drawn(run: Run, name: str = rival.name, space: str = space) -> tuple[np.ndarray, ...]:
            return rival_map.draw(run, name, space, 1)

        assert engine.answer_known(asked, drawn) is None
        (plane,) = engine.answer(asked, drawn)

        def mapped(run: Run, rival: Rival = rival, space: str = space) -> np.ndarray:
            applied = run.spaces()[1] if space == POST else None
            probe = run.probe_spaces({space: applied}).embeddings(0, applied, 1)
            fitted = rival.fit(probe, LANGUAGES, "ja")
            return fitted.space(run.stages.embeddings(0, applied, 1), LANGUAGES)

        rows = engine.answer(asked, mapped).reshape(-1, 32)
        expected, _ = joint_umap(rows, rows[:0], seed=asked.seed)
        np.testing.assert_array_equal(plane.reshape(-1, 2), expected)
        (again,) = engine.answer_known(asked, drawn) or (None,)
        np.testing.assert_array_equal(again, plane)
