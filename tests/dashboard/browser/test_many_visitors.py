"""Twenty visitors at once, each with a setting of their own: everybody gets their own right answer."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.experiment.settings import Experiment
from core.pipeline.backend import LocalBackend
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.store.store import Store
from dashboard.work.queue import Jobs
from tests.helpers.bench import until
from tests.helpers.tiny import save_tiny, write_table


def test_twenty_visitors(tmp_path: Path) -> None:
    asked = Experiment(
        model=str(save_tiny(tmp_path / "model", "llama")),
        dtype="float32",
        device="cpu",
        corpus=write_table(tmp_path / "sentences.tsv", 8, 4),
        target="ja",
        strength=1.0,
    )
    settings = [
        replace(asked, target=target, experts=20 + 7 * number, strength=round(0.5 + 0.1 * number, 1))
        for number in range(10)
        for target in ("ja", "en")
    ]
    jobs = Jobs(LocalBackend(Engine(Store(tmp_path / "shared"))))
    answers: dict[int, Result] = {}
    together = threading.Barrier(len(settings))

    def visit(number: int, setting: Experiment) -> None:
        together.wait()
        jobs.submit(f"visitor {number}", setting)

        def answered() -> bool:
            jobs.touch(f"visitor {number}", setting)
            job = jobs.find(setting)
            return job is not None and not job.active

        until(answered, f"visitor {number} is answered")
        found = jobs.result(setting)
        if found is not None:
            answers[number] = found

    threads = [threading.Thread(target=visit, args=each) for each in enumerate(settings)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    alone = Engine(Store(tmp_path / "alone"))
    assert sorted(answers) == list(range(20))
    for number, setting in enumerate(settings):
        expected, found = alone.run(setting), answers[number]
        assert found.plan.experiment == setting
        np.testing.assert_array_equal(found.experts.neurons, expected.experts.neurons)
        pd.testing.assert_frame_equal(found.pairs, expected.pairs)
    gains = {round(answers[number].all_pairs_distance.post, 9) for number in answers}
    assert len(gains) == 20, "settings whose answers cannot be told apart test nothing"
