"""The map's movement against its noise, as it is kept."""

from __future__ import annotations

import numpy as np
import pytest

from core.analyses import map_stability
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.store.store import Store


def test_movement_is_kept(asked: Experiment, filled: Store) -> None:
    engine = Engine(filled)
    assert engine.answer_known(asked, map_stability.movement) is None
    found = engine.answer(asked, map_stability.movement)
    assert engine.answer_known(asked, map_stability.movement) == found
    result = engine.run(asked)
    (pre, post), *_ = result.maps
    assert found.moved == pytest.approx(np.median(np.linalg.norm(post - pre, axis=-1)), rel=1e-5)
