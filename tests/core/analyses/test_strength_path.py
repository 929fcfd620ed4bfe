"""The strengths between, against spaces embedded one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.analyses import strength_path
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.progress import Progress, Snapshot
from core.spaces import projection
from core.store.store import Store


def test_the_way_goes_through_what_each_strength_alone_gives(asked: Experiment, filled: Store) -> None:
    """Every strength's space is that of an experiment of its own, and all are laid out together, in order."""
    engine = Engine(filled)
    assert engine.answer_known(asked, strength_path.along) is None
    reports: list[Snapshot] = []
    found = engine.answer(asked, strength_path.along, Progress(reports.append))
    assert found.strengths == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8])
    said = [report.stage for report in reports]
    (embedding,) = {stage for stage in said if "strength " in stage}
    assert embedding.endswith("strength 0.2, strength 0.4, strength 0.6")  # 0 and 0.8 are there already
    assert said[-1] == "done"

    def space_of(strength: float) -> np.ndarray:
        def read(run: Run) -> np.ndarray:
            _, intervention = run.spaces()
            return run.stages.embeddings(0, intervention, run.plan.layer)

        embedded = Engine(filled).answer(replace(asked, strength=strength), read)
        return embedded.reshape(-1, embedded.shape[-1])

    spaces = [space_of(strength) for strength in found.strengths]
    (maps,) = found.maps
    planes = projection.held_umap(spaces[0], spaces[1:], seed=asked.seed)
    np.testing.assert_array_equal(maps.reshape(-1, 2), np.concatenate(planes))
    (result,) = engine.run(asked).maps
    np.testing.assert_array_equal(maps[0], result[0])  # before is where it is on the map of the two ends
    again = engine.answer_known(asked, strength_path.along)
    assert again is not None
    np.testing.assert_array_equal(again.maps[0], maps)


def test_a_strength_of_0_has_no_way(asked: Experiment, filled: Store) -> None:
    with pytest.raises(SettingError, match="both ends are the unmodified model"):
        Engine(filled).answer(replace(asked, strength=0.0), strength_path.along)


def test_a_strength_beyond_one_is_cut_in_four() -> None:
    assert strength_path.strengths(Experiment(strength=2.0)) == (0.0, 0.5, 1.0, 1.5, 2.0)
    assert strength_path.strengths(Experiment(strength=-1.0)) == (0.0, -0.25, -0.5, -0.75, -1.0)
