"""The search: its halving against a plain loop on known values, its figures against plain retrieval."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from core.analyses import search
from core.analyses.search import Choices, Limits, Tried
from core.analyses.text_perplexity import likelihoods
from core.cli.main import main
from core.cli.search import summary
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.stats.intervals import Interval
from tests.helpers import slow_reproduction as slow
from tests.helpers.corpora import lines, write
from tests.helpers.results import make_plan
from tests.helpers.results import sentences as rows
from tests.helpers.tiny import sentences, write_pairs, write_table


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def known(
    worth: Callable[[Experiment], float], clock: Clock, seconds: float = 1.0
) -> Callable[[Experiment, Callable[[Run], Any]], Any]:
    """Answers in place of a model: a setting's worth, for each a second."""

    def ask(experiment: Experiment, question: Any) -> Any:
        clock.now += seconds
        if question is search._perplexity:
            return Interval(1.0, 0.9, 1.1, 9)
        if "scope" in question.keywords:  # the last measure, on the evaluation rows
            return Interval(0.1, 0, 1, 9), Interval(worth(experiment), 0, 1, 9)
        number, rows = question.keywords["number"], question.keywords["rows"]
        value = worth(experiment)
        return Tried(experiment, number, rows, Interval(value, value, value, rows), math.nan, value < 0.9)

    return ask


CHOICES = Choices(experts=(1, 2, 3, 4, 5), strengths=(0.5, 1.0))


def test_the_better_third_goes_on_and_the_limit_is_kept(asked: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "FIRST_ROWS", 1)
    clock = Clock()

    def worth(experiment: Experiment) -> float:  # the best of all, .95, is beyond the limit
        return experiment.experts * experiment.strength * 0.19

    found = search.search(known(worth, clock), asked, CHOICES, Limits(minutes=10), clock)
    assert found.offered == 10
    rounds = {number: [one for one in found.tried if one.round == number] for number in range(3)}
    assert [len(rounds[number]) for number in rounds] == [10, 3, 1]
    assert [rounds[number][0].rows for number in rounds] == [1, 2, 4]
    expected = sorted((worth(one.experiment) for one in rounds[0] if one.fits), reverse=True)[:3]
    assert sorted((worth(one.experiment) for one in rounds[1]), reverse=True) == expected
    assert found.best is not None
    assert worth(found.best) == expected[0] == 0.76
    assert found.best.probe_sentences == asked.probe_sentences


def test_what_was_found_is_kept_under_what_was_asked(asked: Experiment, engine: Engine) -> None:
    limits = Limits(minutes=10)
    found = search.search(known(lambda e: e.experts / 10, Clock()), asked, CHOICES, limits, Clock())
    assert search.kept(engine.store, asked, CHOICES, limits) is None
    search.keep(engine.store, asked, CHOICES, limits, found)
    again = search.kept(engine.store, asked, CHOICES, limits)
    assert again is not None
    assert repr(again) == repr(found)  # perplexities that are not limited are NaN, which equals nothing
    assert search.kept(engine.store, asked, CHOICES, Limits(minutes=11)) is None
    assert search.kept(engine.store, replace(asked, target="de"), CHOICES, limits) is None
    assert search.kept(engine.store, replace(asked, learning_sentences=32), CHOICES, limits) is None
    # What was kept before this was a setting is still found.
    assert "learning_sentences" not in search._spec(asked, CHOICES, limits)["setting"]


def test_the_budget_ends_the_rounds(asked: Experiment) -> None:
    clock = Clock()
    found = search.search(known(lambda e: e.experts / 10, clock, 30), asked, CHOICES, Limits(minutes=3), clock)
    first = [one for one in found.tried if one.round == 0]
    assert len(first) == 4  # half of three minutes, and the one under way
    everything = CHOICES.experiments(replace(asked, probe_sentences=5))
    assert [one.experiment for one in first] == everything[:4]
    assert everything == CHOICES.experiments(replace(asked, probe_sentences=5))


@pytest.mark.parametrize(
    ("limits", "words"),
    [(Limits(0), "no time"), (Limits(math.nan), "no time"), (Limits(1, "sideways"), "not known")],
)
def test_an_impossible_search_is_refused(limits: Limits, words: str, asked: Experiment) -> None:
    with pytest.raises(SettingError, match=words):
        search.search(lambda *_: None, asked, CHOICES, limits)
    with pytest.raises(SettingError, match="Use four or more"):
        search.search(lambda *_: None, replace(asked, probe_sentences=3), CHOICES, Limits(1))


def test_a_probe_without_another_evaluated_language_is_refused_before_any_work(
    asked: Experiment, tmp_path: Path
) -> None:
    """The probe has English and German beside the target, Spanish and Russian are evaluated."""
    probe = write_table(tmp_path / "probe.tsv", 10, 6, ("en", "de", "ja"))
    apart = replace(asked, probe_corpus=probe, probe_languages=None, languages=("es", "ru"))
    with pytest.raises(SettingError, match=r"probe's rows in ja: .*none is in the probe\. Choose a probe corpus with"):
        search.search(lambda *_: None, apart, CHOICES, Limits(1))
    shared = replace(apart, languages=("es", "de"))
    assert search.search(known(lambda e: e.experts / 10, Clock()), shared, CHOICES, Limits(1), Clock()).best is not None


def test_a_language_whose_probe_sentences_cannot_be_used_judges_nothing(asked: Experiment, tmp_path: Path) -> None:
    """The German file of the probe has too few lines: it is there, and no row of it is."""
    for code, published in (("en", "eng_Latn"), ("de", "deu_Latn"), ("ja", "jpn_Jpan")):
        for split, first in (("dev", 0), ("devtest", 10)):
            n = 5 if (code, split) == ("de", "dev") else 10
            write(tmp_path / "flores" / split / f"{published}.{split}", lines(*sentences(code, n, first)))
    flores = replace(asked, corpus=f"flores:{tmp_path / 'flores'}", probe_languages=("en", "ja"), languages=("de",))
    with pytest.raises(SettingError, match=r"probe's rows in ja: .*none is in the probe"):
        search.search(lambda *_: None, flores, CHOICES, Limits(1))


@pytest.mark.parametrize("changes", [{"select": "all"}, {"experts_from": "1:down_proj:3=2.5"}])
def test_where_k_says_nothing_every_setting_is_offered_once(changes: dict[str, Any], asked: Experiment) -> None:
    usual = Choices(methods=("set-mean", "zero"), expert_layers=(None,))
    offered = usual.experiments(replace(asked, **changes))
    assert len(offered) == len(set(offered)) == len(usual.methods) * len(usual.strengths)
    assert {one.experts for one in offered} == {asked.experts}
    assert len({(one.method, one.strength) for one in offered}) == len(offered)
    assert len(usual.experiments(asked)) == len(offered) * len(usual.experts)


def test_rows_that_judge_found_no_neuron_and_figures_are_plain(asked: Experiment, engine: Engine) -> None:
    asked = replace(asked, strength=1.0)

    def spaces(run: Run) -> tuple[Any, Any, np.ndarray]:
        held = search.held_out(run, 5, 4)
        built = run.stages.intervention(run.experts())
        return run.plan.probe, held, run.beside((held,), {"x": built}).embeddings(0, built, run.plan.layer)

    halved = replace(asked, probe_sentences=5)
    probe, held, space = engine.answer(halved, spaces)
    assert (len(probe), len(held)) == (5, 4)
    assert not set(probe.ids) & set(held.ids)
    tried = engine.answer(halved, lambda run: search._judge(run, 0, 4, 5, Limits(1, perplexity=1e-9)))
    at = held.languages.index("ja")
    hits = [slow.hits(space[at], space[other], "cosine") for other in range(len(space)) if other != at]
    assert math.isclose(tried.top1.value, np.mean(hits))
    assert not tried.fits


@pytest.mark.parametrize("scope", search.SCOPES)
def test_all_sets_of_rows_are_measured(scope: str, asked: Experiment, engine: Engine, tmp_path: Path) -> None:
    corpus = write_pairs(tmp_path / "tatoeba")
    pairs = replace(asked, corpus=corpus, probe_corpus=asked.corpus, target="en", strength=1.0, layer=1)
    result = engine.run(pairs)
    expected = result.target_top1 if scope == "target" else result.all_top1
    before, after = engine.answer(pairs, lambda run: search._measured(run, scope))
    assert (before.value, after.value) == pytest.approx((expected.pre, expected.post))
    assert after.n == 6 + 7


@pytest.mark.parametrize("scope", search.SCOPES)
def test_rows_that_are_all_alike_leave_open_what_others_are(scope: str, asked: Experiment) -> None:
    """Every row finds its translation, in both sets: the interval is Wilson's, not one of no width."""

    def found(number: int, *_: object) -> np.ndarray:
        return np.stack([np.eye(5 + number, dtype=np.float32)] * 2)

    low = binomtest(5, 5).proportion_ci(method="wilson").low
    judged = search._top1(found(0), 0, scope)
    assert (judged.value, judged.low, judged.high, judged.n) == pytest.approx((1.0, low, 1.0, 5))
    groups = tuple(rows(("en", "ja"), 5 + number, "evaluation") for number in range(2))
    run = SimpleNamespace(
        plan=replace(make_plan(asked), groups=groups),
        spaces=lambda: (None, None),
        stages=SimpleNamespace(embeddings=found),
    )
    trials = 1 / (0.5**2 / 5 + 0.5**2 / 6)
    for side in search._measured(run, scope):  # type: ignore[arg-type]
        assert (side.value, side.high, side.n) == pytest.approx((1.0, 1.0, 11))
        assert side.low == pytest.approx(trials / (trials + 1.959964**2))  # Wilson's, of as many hits as trials


def test_the_command_says_what_it_tried(
    asked: Experiment, engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["search", "--model", asked.model, "--dtype", "float32", "--corpus", asked.corpus, "--target", "ja"]
    arguments += ["--cache", str(engine.store.root), "--minutes", "5", "--counts", "10,9999", "--strengths", "1"]
    arguments += ["--most-perplexity", "1000"]
    assert main([*arguments, "--json", str(tmp_path / "s.json")]) == 0
    printed = capsys.readouterr().out
    assert "impossible: set-mean, auroc, 9,999" in printed
    assert "evaluation rows that the search has not seen" in printed
    document = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert document["best"]["experts"] == 10
    result = engine.run(Experiment(**{**document["best"], "probe_languages": None}))  # type: ignore[arg-type]
    assert document["evaluation"]["after"]["value"] == pytest.approx(result.target_top1.post)

    def losses(run: Run) -> list[float]:
        texts = run.plan.groups[0].texts["ja"]
        sides = (likelihoods(run, texts, side) for side in (None, run.stages.intervention(run.experts())))
        return [float(side.nll.sum() / side.n_tokens.sum()) for side in sides]

    pre, post = engine.answer(result.plan.experiment, losses)
    assert document["evaluation"]["perplexity"]["value"] == pytest.approx(math.exp(post - pre))
    assert f"Perplexity of {len(result.plan.groups[0])} sentences of the target that it has not seen: x" in printed


def test_the_summary_counts_what_was_tried_and_says_why_there_is_no_best(asked: Experiment) -> None:
    setting = replace(asked, method="set-mean", score="auroc", experts=1, strength=1.0)
    tried = Tried(setting, 0, 16, Interval(0.5, 0.25, 0.75, 16), 2.0, False)
    beyond = summary(search.Found(None, (tried,), (), 1), Limits(1, perplexity=1.5))
    assert "tried 1 of 1 setting in 1 round\n" in beyond
    assert "0.500 (0.250 to 0.750)  set-mean, auroc, 1 neuron at strength 1  perplexity x 2.00: beyond" in beyond
    assert beyond.endswith("No setting keeps to the limit.")
    none = summary(search.Found(None, (), ((replace(setting, experts=9999), "too many"),), 1200), Limits(1))
    assert "tried 0 of 1,200 settings in 0 rounds\n" in none
    assert "impossible: set-mean, auroc, 9,999 neurons at strength 1: too many" in none
    assert none.endswith("None of them is possible.")
    everything = replace(setting, select="all", experts=200)
    found = search.Found(everything, (replace(tried, experiment=everything, fits=True),), (), 1, tried.top1, tried.top1)
    assert "best: set-mean, auroc, strength 1\n" in summary(found, Limits(1))  # of no number that says nothing


@pytest.mark.parametrize(
    ("low", "high", "words"), [(1.0, 1.4, "is kept"), (1.6, 1.9, "is not kept"), (1.3, 1.7, "too few to tell")]
)
def test_a_limit_is_judged_by_the_interval(low: float, high: float, words: str) -> None:
    assert words in search.kept_to(Limits(1, perplexity=1.5), Interval((low + high) / 2, low, high, 32))
