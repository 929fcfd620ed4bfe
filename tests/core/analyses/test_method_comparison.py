"""Methods under the same conditions: figures against the analyses they come from, ranks against a plain count."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.analyses import method_comparison, rival_spaces, rival_table, steering
from core.analyses.method_comparison import FIGURES, RANKED, Row
from core.analyses.steering import SteeringSettings
from core.analyses.text_perplexity import likelihoods
from core.cli.main import main
from core.corpora.prompts.read import Prompt
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.neurons.methods import METHODS
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.stats.intervals import Interval
from tests.helpers.families import FAMILIES, save_family

_FEW = ("set-mean", "incline")
WRITING = SteeringSettings((Prompt("dog", "en", "The dog sleeps today in the small house."),), tokens=6)


def ask(engine: Engine) -> Callable[[Experiment, Callable[[Run], Any]], Any]:
    return lambda experiment, question: engine.answer(experiment, question)


def test_figures_are_those_of_the_analyses(asked: Experiment, engine: Engine) -> None:
    rows = method_comparison.compare(ask(engine), asked, ["set-mean", "diff-mean"], WRITING)
    by_name = {row.condition: row for row in rows}
    kinds = [row.kind for row in rows]
    assert kinds == sorted(kinds, key=["unmodified", "free", "method", "random"].index)
    assert [row.condition for row in rows if row.kind == "method"] == ["set-mean", "diff-mean"]
    moved = replace(asked, method="diff-mean")
    spaces = engine.answer(moved, lambda run: rival_spaces.compare(run, (), ("mexa", "language_id"), (run.plan.layer,)))
    for name, side in (("unmodified", "pre"), ("diff-mean", "post")):
        values = rival_table.measures_of(spaces.find("raw", side), "ja")
        for figure in ("top1_target", "top1_all", "mexa_all", "language_id"):
            mine, value = by_name[name].figures[figure], values[figure]
            assert (mine.value, mine.low, mine.high, mine.n) == (value.value, value.low, value.high, value.n)

    def losses(run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        texts = run.plan.groups[0].texts["ja"]
        pre = likelihoods(run, texts, None)
        return pre.nll, likelihoods(run, texts, run.stages.intervention(run.experts())).nll, pre.n_tokens

    pre, post, n_tokens = engine.answer(moved, losses)
    ratio = by_name["diff-mean"].figures["perplexity"]
    assert math.isclose(ratio.value, math.exp((post - pre).sum() / n_tokens.sum()), rel_tol=1e-9)
    condition = steering.conditions(asked, ["diff-mean"])[2]
    answer = engine.answer(moved, lambda run: steering.answers(run, condition, WRITING))
    lines = steering.measured(answer, [0])["lines"]
    found = by_name["diff-mean"].figures["lines"]
    assert found == lines or (math.isnan(found.value) and math.isnan(lines.value))
    assert "transfer" not in by_name["set-mean"].figures  # the table has no labels
    assert by_name["set-mean"].numbers == 2 * 30  # a scale and a shift of each expert
    assert by_name["diff-mean"].numbers == 4 * 30  # a shift of each, from each of four other languages
    assert all(row.figures["time"].value > 0 for row in rows if row.kind == "method")
    assert [by_name["unmodified"].figures[name].value for name in ("perplexity", "time")] == [1.0, 1.0]


def test_an_encoder_has_no_perplexity_and_what_is_not_timed_no_time(
    asked: Experiment, engine: Engine, tmp_path: Path
) -> None:
    """Of the unmodified model as of the methods: once itself is what is measured of others, or it is nothing."""
    encoder = str(save_family(tmp_path / "mbert", FAMILIES["mbert"]))
    few = replace(asked, model=encoder, languages=("en",))
    rows = method_comparison.compare(ask(engine), few, ["set-mean"], WRITING, timed=False)
    assert {"unmodified", "method", "free", "random"} == {row.kind for row in rows}
    for row in rows:
        assert "top1_target" in row.figures
        assert not {"perplexity", "time", "lines"} & set(row.figures)


def test_ranks_are_those_of_a_plain_count() -> None:
    values = {"a": (0.9, 0.1), "b": (0.5, 0.3), "c": (0.9, math.nan)}

    def figures(top1: float, perplexity: float) -> dict[str, Interval]:
        return {
            "top1_all": Interval(top1, top1, top1, 9),
            "perplexity": Interval(perplexity, math.nan, math.nan, 9),
            "time": Interval(1.0, math.nan, math.nan, 9),
        }

    rows = [Row(name, name, "method", figures(*pair)) for name, pair in values.items()]
    rows.append(Row("free", "free", "free", figures(1.0, 0.0)))
    ranks = method_comparison.ranks(rows)
    assert ranks == {
        "a": {"top1_all": 1.5, "perplexity": 1.0, "mean": 1.25},
        "b": {"top1_all": 3.0, "perplexity": 2.0, "mean": 2.5},
        "c": {"top1_all": 1.5, "perplexity": 3.0, "mean": 2.25},
    }
    frame = method_comparison.table(rows).set_index("condition")
    assert frame.loc["b", "perplexity_rank"] == 2
    assert math.isnan(frame.loc["free", "mean_rank"])
    assert "time" not in RANKED


def test_methods_that_fail_share_the_last_rank() -> None:
    values = {"a": {"lines": 0.2, "perplexity": 9.0}, "b": {"perplexity": math.inf}, "c": {"lines": math.nan}}
    rows = [
        Row(name, name, "method", {figure: Interval(value, value, value, 9) for figure, value in of.items()})
        for name, of in values.items()
    ]
    failed = {"lines": 2.5, "perplexity": 2.5, "mean": 2.5}
    assert method_comparison.ranks(rows) == {
        "a": {"lines": 1.0, "perplexity": 1.0, "mean": 1.0},
        "b": failed,
        "c": failed,
    }


def test_no_method_and_an_unknown_one_are_refused(asked: Experiment, engine: Engine) -> None:
    with pytest.raises(SettingError, match="nothing to compare"):
        method_comparison.compare(ask(engine), asked, [])
    with pytest.raises(SettingError, match="nonsense"):
        method_comparison.compare(ask(engine), asked, ["nonsense"])


def test_the_command_measures_every_method(
    asked: Experiment, engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["methods", "--model", asked.model, "--dtype", "float32", "--corpus", asked.corpus, "--target", "ja"]
    arguments += ["--experts", "30", "--cache", str(engine.store.root), "--languages", "en,de,ja"]
    arguments += ["--prompt-languages", "en", "--n-prompts", "1"]
    arguments += ["--json", str(tmp_path / "m.json"), "--csv", str(tmp_path / "m.csv"), "--methods", ",".join(_FEW)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert all(METHODS[name].title[:41] in printed for name in _FEW)
    document = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    named = [row["condition"] for row in document["methods"] if row["kind"] == "method"]
    assert named == list(_FEW)
    with (tmp_path / "m.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(document["methods"])
    assert all(name in table[0] for name in FIGURES)
