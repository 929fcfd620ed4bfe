"""Verdicts, the comparison with what was published, and the runner."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from core.charts.export import png, svg
from core.errors import SettingError
from core.progress import Progress
from core.reproduction import measures, published
from core.reproduction.comparison import comparison
from core.reproduction.html import compared_table, table_html
from core.reproduction.items import figures
from core.reproduction.items.distances import over_targets
from core.reproduction.options import SWEEP
from core.reproduction.settings import Settings, bound
from core.reproduction.steps import Step, StepRunner
from core.reproduction.verdicts import HELD, NOT, PARTLY, graded, verdicts


@pytest.mark.parametrize(("n", "seed"), [(7, 0), (30, 1)])
def test_each_sentences_distances(n: int, seed: int) -> None:
    space = np.random.default_rng(seed).normal(size=(4, n, 5)).astype(np.float32)
    everyone, to_target = measures.sentence_distances(space, 2)
    for row in range(n):
        unit = [v[row] / np.linalg.norm(v[row]) for v in space.astype(float)]
        apart = {(a, b): 1 - unit[a] @ unit[b] for a in range(4) for b in range(a)}
        assert everyone[row] == pytest.approx(np.mean(list(apart.values())), abs=1e-6)
        assert to_target[row] == pytest.approx(np.mean([v for k, v in apart.items() if 2 in k]), abs=1e-6)


def test_grades() -> None:
    assert (graded(5, 5), graded(1, 5), graded(0, 5)) == (HELD, PARTLY, NOT)


def _distances(post: float) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "target": "mean",
                "control": "none",
                "space": space,
                "distance": name,
                "value": value,
                **way,
            }
            for name in published.DISTANCE_NAMES
            for space, value in (("pre", 0.8), ("post", post if name == "all pairs" else 0.5))
            for way in ({"metric": "cosine", "layer": 2}, {"metric": "centred", "layer": 2})
        ]
    )


@pytest.mark.parametrize(("post", "state"), [(0.2, HELD), (0.9, PARTLY)])
def test_a_verdict_follows_its_figures(post: float, state: str) -> None:
    (said,) = verdicts({"distances": _distances(post)})
    assert said.state == state
    assert f"all pairs 0.80 -> {post:.2f}" in said.text


def test_the_comparison_has_every_published_distance_and_the_difference() -> None:
    compared = comparison({"distances": _distances(0.2)})
    assert len(compared) == 3 * 4 * 2
    row = compared[
        (compared["published_model"] == "Bloom-7b")
        & (compared["measure"] == "all pairs")
        & (compared["space"] == "post")
    ].iloc[0]
    assert (row["published"], row["measured"]) == (0.17, 0.2)
    assert row["difference"] == pytest.approx(0.03)
    wide = compared_table(compared)
    assert len(wide) == 8
    assert "difference (PolyLM-13b)" in wide
    assert "<td class=n>+0.030</td>" in table_html(wide)


def test_a_table_shows_markup_as_text() -> None:
    assert "&lt;b&gt;" in table_html(pd.DataFrame({"<b>": ["<b>"]}))


def test_a_map_of_many_sentences_can_be_drawn() -> None:
    rng, n = np.random.default_rng(0), 3000
    frame = pd.concat(
        pd.DataFrame(
            {"target": "ja", "space": space, "language": code, "x": rng.normal(size=n), "y": rng.normal(size=n)}
        )
        for space in ("pre", "post")
        for code in ("es", "ja")
    )
    (figure,) = figures("projection", {"projection": frame})
    assert svg(figure.chart).decode().count("<path") >= 4 * n
    assert png(figure.chart)[:4] == b"\x89PNG"


def test_means_over_targets_and_their_standard_error() -> None:
    same = {"model": "m", "k": 1, "strength": 1.0, "control": "none", "space": "pre", "distance": "all pairs"}
    same |= {"metric": "cosine", "layer": 2, "low": 0.0, "high": 1.0, "n": 9, "standard_error": np.nan}
    each = pd.DataFrame([same | {"target": t, "value": v} for t, v in (("es", 0.2), ("ja", 0.4), ("de", 0.9))])
    (row,) = over_targets(each).to_dict("records")
    assert row["target"] == "mean"
    assert row["value"] == pytest.approx(0.5)
    assert row["standard_error"] == pytest.approx(stats.sem([0.2, 0.4, 0.9]))
    assert row["n"] == 3


def test_the_sweep_is_cut_at_the_models_neurons(tiny_folders: dict, asked) -> None:
    settings = Settings(
        model=str(tiny_folders["llama"]),
        dtype="float32",
        device="cpu",
        corpus=asked.corpus,
        targets=("es",),
        experts=30,
    )
    total = 3 * (48 + 48 + 32)
    assert bound(settings)[0].sweep == (30, *(k for k in SWEEP if k <= total))


def test_an_unknown_language_is_named(tiny_folders: dict, asked) -> None:
    settings = Settings(model=str(tiny_folders["llama"]), corpus=asked.corpus, languages=("es", "sw"))
    with pytest.raises(SettingError, match="sw"):
        bound(settings)


def test_the_step_runner_counts_what_was_spent_also_by_a_step_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    done = []

    def work(progress: Progress) -> None:
        progress.stage("working")
        done.append(1)

    def fail(progress: Progress) -> None:
        progress.stage("breaking")
        raise KeyboardInterrupt

    steps = [Step("a", "one", work, 100.0), Step("a", "two", work, 100.0), Step("b", "three", fail, 50.0)]
    table = StepRunner(steps, {"a: one": 7.0})
    assert table.seconds_left() == 250
    table.run(steps[0])
    assert table.by_step["a: one"] >= 7.0
    assert table.seconds_left() < 250, "the guesses were far too high, and it has seen so"
    with pytest.raises(KeyboardInterrupt):
        table.run(steps[2])
    assert set(table.by_stage) == {"working", "breaking"}
    assert "b: three" in table.by_step
    assert done == [1]
    assert "[1/3] a: one:" in capsys.readouterr().err
