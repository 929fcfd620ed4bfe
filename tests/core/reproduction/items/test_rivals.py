"""What is free in a whole report: by plain loops, and with a verdict and figures that follow the table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.reproduction.charts import rivals as charts
from core.reproduction.verdicts import verdicts
from core.spaces.rivals import RIVALS
from core.spaces.space_measures import SPACE_MEASURES
from tests.helpers import slow_reproduction as slow
from tests.helpers.reproduction import LANGUAGES, N_PROBE, TARGETS
from tests.helpers.tiny import N_LAYERS


@pytest.mark.parametrize("name", ["own-means", "whitening"])
def test_rivals_are_those_of_plain_loops(
    report: Path, spaces: dict[str, tuple[np.ndarray, np.ndarray]], slows: dict[str, slow.SlowReproduction], name: str
) -> None:
    frame = pd.read_csv(report / "rivals.csv", keep_default_na=True)
    for target in TARGETS:
        rows = frame[(frame["target"] == target) & (frame["corpus"] == "multi-parallel") & (frame["name"] == name)]
        rows = rows[rows["layer"] == N_LAYERS].set_index("space")
        made, at = slows[target], LANGUAGES.index(target)
        texts = [slow.sentences(code, N_PROBE) for code in LANGUAGES]
        for space, embedded, probe in zip(("pre", "post"), spaces[target], made.spaces(texts), strict=True):
            fitted = RIVALS[name].fit(probe.astype(np.float32), LANGUAGES, target)
            mapped = fitted.space(embedded.astype(np.float32), LANGUAGES)
            others = [number for number in range(len(LANGUAGES)) if number != at]
            top1 = np.mean([slow.hits(mapped[at], mapped[other], "cosine") for other in others])
            assert rows.loc[space, "top1_target"] == pytest.approx(top1, abs=0.03)  # one of 48 close calls


def test_every_corpus_has_rivals_and_every_space_all_measures(report: Path) -> None:
    frame, spaces = pd.read_csv(report / "rivals.csv"), pd.read_csv(report / "spaces.csv")
    assert set(frame["corpus"]) == {"multi-parallel", "tatoeba"}
    assert set(frame["name"]) == {"raw", *RIVALS}
    assert set(spaces["control"]) == {"none", "random"}
    assert len(spaces) == 2 * 2 * len(TARGETS)
    for measure in SPACE_MEASURES.values():
        for key in measure.keys:
            assert spaces[key].notna().all()
            assert frame[key].notna().all()
    assert [key for key in frame if key in spaces] == [key for key in spaces if key in frame]  # in the same order
    (verdict,) = [v for v in verdicts({"rivals": frame}) if v.item == "rivals"]
    assert f"of {len(TARGETS)} targets" in verdict.text
    figures = charts.rivals({"rivals": frame})
    assert [figure.name for figure in figures] == [
        *(f"rivals_{target}" for target in TARGETS),
        *(
            f"rivals_tatoeba_{target}"
            for target in TARGETS
            if target in set(frame[frame["corpus"] == "tatoeba"]["target"])
        ),
    ]
    assert "with English, Tatoeba: the intervention" in figures[-1].caption
