"""Every measure of a whole report is what plain loops give, from the model's own outputs on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from core.engine import Engine
from core.reproduction.items.choice import likelihoods, pooled
from core.reproduction.items.paraphrase import paraphrases, rows_of
from core.reproduction.settings import Settings, bound
from core.store import Store
from tests.core.reproduction import slow
from tests.core.reproduction.conftest import LANGUAGES, N_EVAL, N_PROBE, TARGETS, Asked, K
from tests.core.tiny import N_LAYERS, Plain, sentences

PROBE_LANGUAGES = ("en", "de", "es", "ja")  # the paper's that the table has


@pytest.fixture(scope="module")
def slows(asked_for: Asked) -> dict[str, slow.Slow]:
    plain = Plain.read(asked_for.model, "llama")
    return {target: slow.Slow(plain, LANGUAGES, PROBE_LANGUAGES, target, N_PROBE, N_EVAL, K) for target in TARGETS}


@pytest.fixture(scope="module")
def spaces(slows: dict[str, slow.Slow]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {target: made.spaces(made.evaluation()) for target, made in slows.items()}


def test_experts(report: Path, slows: dict[str, slow.Slow]) -> None:
    frame = pd.read_csv(report / "experts.csv", keep_default_na=False)
    experts = {target: made.experts() for target, made in slows.items()}
    for target, made in slows.items():
        rows = frame[frame["target"] == target]
        score = rows[rows["measure"] == "mean score"]["value"].iloc[0]
        assert score == pytest.approx(made.scores()[experts[target]].mean(), abs=1e-9)
        for other in TARGETS:
            shared = rows[(rows["measure"] == "shared") & (rows["other"] == other)]["value"].iloc[0]
            assert shared == len(set(experts[target]) & set(experts[other]))
        assert rows[rows["measure"] == "experts at site"]["value"].sum() == K


@pytest.mark.parametrize("metric", ["cosine", "centred", "csls"])
def test_retrieval(report: Path, spaces: dict[str, tuple[np.ndarray, np.ndarray]], metric: str) -> None:
    frame = pd.read_csv(report / "retrieval.csv")
    for target in TARGETS:
        rows = frame[(frame["target"] == target) & (frame["control"] == "none") & (frame["metric"] == metric)]
        rows = rows[rows["layer"] == N_LAYERS].set_index(["space", "query", "candidate"])
        p = {}
        for q, query in enumerate(LANGUAGES):
            for c, candidate in enumerate(LANGUAGES):
                if q == c:
                    continue
                found = [slow.hits(space[q], space[c], metric) for space in spaces[target]]
                for space, of_space in zip(("pre", "post"), found, strict=True):
                    row = rows.loc[space, query, candidate]
                    assert row["n"] == N_EVAL
                    assert row["top1"] == pytest.approx(np.mean(of_space))
                    assert (row["low"], row["high"]) == pytest.approx(slow.wilson(sum(of_space), N_EVAL))
                p[query, candidate] = slow.mcnemar(*found)
        for family in ([k for k in p if k[0] == target], [k for k in p if k[0] != target]):
            for key, expected in zip(family, slow.holm([p[k] for k in family]), strict=True):
                assert rows.loc[("post", *key), "p"] == pytest.approx(expected)


def test_the_best_layer_is_that_of_the_unmodified_model(report: Path, slows: dict[str, slow.Slow]) -> None:
    frame = pd.read_csv(report / "retrieval.csv")
    for target, made in slows.items():
        at = LANGUAGES.index(target)
        top1 = []
        for layer in range(N_LAYERS + 1):
            space = made.spaces(made.evaluation(), layer)[0]
            others = [number for number in range(len(LANGUAGES)) if number != at]
            top1.append(np.mean([slow.hits(space[at], space[other], "cosine") for other in others]))
        best = int(np.argmax(top1))
        rows = frame[(frame["target"] == target) & (frame["metric"] == "cosine") & (frame["control"] == "none")]
        assert set(rows["layer"]) == {best, N_LAYERS}
        mine = rows[(rows["layer"] == best) & (rows["space"] == "pre") & (rows["query"] == target)]
        assert mine["top1"].mean() == pytest.approx(top1[best])


def test_gains(report: Path, spaces: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    frame = pd.read_csv(report / "gains.csv")
    for target in TARGETS:
        rows = frame[(frame["target"] == target) & (frame["control"] == "none") & (frame["metric"] == "cosine")]
        rows = rows[rows["layer"] == N_LAYERS].set_index("view")
        at = LANGUAGES.index(target)
        pairs = {
            "target as query": [(at, o) for o in range(len(LANGUAGES)) if o != at],
            "target as candidate": [(o, at) for o in range(len(LANGUAGES)) if o != at],
            "without target": [(a, b) for a in range(5) for b in range(5) if a != b and at not in (a, b)],
            "all pairs": [(a, b) for a in range(len(LANGUAGES)) for b in range(len(LANGUAGES)) if a != b],
        }
        for view, of_view in pairs.items():
            pre, post = (
                np.array([np.mean(slow.hits(space[q], space[c], "cosine")) for q, c in of_view])
                for space in spaces[target]
            )
            row = rows.loc[view]
            assert (row["pre"], row["post"]) == pytest.approx((pre.mean(), post.mean()))
            assert row["median"] == pytest.approx(np.median(post - pre))
            assert row["most"] == pytest.approx((post - pre).max())
            assert row["gain_low"] <= row["gain"] <= row["gain_high"]
            assert row["pairs"] == len(of_view)


def test_distances(report: Path, spaces: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    frame = pd.read_csv(report / "distances.csv")
    frame = frame[frame["control"] == "none"].set_index(["target", "space", "distance"])
    means: dict[tuple[str, str], list[float]] = {}
    for target, both in spaces.items():
        at = LANGUAGES.index(target)
        for name, space in zip(("pre", "post"), both, strict=True):
            n = len(LANGUAGES)
            apart = {(a, b): slow.distance(space[a], space[b]) for a in range(n) for b in range(a)}
            medoid = slow.to_medoid(space)
            expected = {
                "all pairs": np.mean(list(apart.values())),
                "to target": np.mean([value for pair, value in apart.items() if at in pair]),
                "to medoid, target": medoid[at],
                "to medoid, others": np.mean([value for number, value in enumerate(medoid) if number != at]),
            }
            for distance, value in expected.items():
                row = frame.loc[target, name, distance]
                assert row["value"] == pytest.approx(value, abs=1e-5)
                if "medoid" not in distance:
                    assert row["low"] <= row["value"] <= row["high"]
                means.setdefault((name, distance), []).append(float(value))
    for (name, distance), values in means.items():
        row = frame.loc["mean", name, distance]
        assert row["value"] == pytest.approx(np.mean(values), abs=1e-5)
        assert row["standard_error"] == pytest.approx(np.std(values, ddof=1) / np.sqrt(len(values)), abs=1e-5)


def test_correlations(report: Path, spaces: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    frame = pd.read_csv(report / "correlations.csv").set_index(["target", "y", "space"])
    for target, (pre, post) in spaces.items():
        at = LANGUAGES.index(target)
        others = [number for number in range(len(LANGUAGES)) if number != at]
        top1 = [np.array([np.mean(slow.hits(s[at], s[o], "cosine")) for o in others]) for s in (pre, post)]
        apart = [np.array([slow.distance(s[at], s[o]) for o in others]) for s in (pre, post)]
        for key, x, y in (
            (("accuracy", "pre"), apart[0], top1[0]),
            (("accuracy", "post"), apart[1], top1[1]),
            (("gain", "change"), apart[1] - apart[0], top1[1] - top1[0]),
        ):
            row = frame.loc[(target, *key)]
            if np.ptp(y) < 1e-12:
                assert np.isnan(row["r"])
            else:
                assert row["r"] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-4)
                assert row["n"] == len(others)


def test_pairs_with_english(report: Path, slows: dict[str, slow.Slow]) -> None:
    frame = pd.read_csv(report / "tatoeba.csv")
    for target, made in slows.items():
        both = made.spaces([sentences(target, 9, 40), sentences("en", 9, 40)])
        rows = frame[(frame["target"] == target) & (frame["metric"] == "cosine") & (frame["layer"] == N_LAYERS)]
        rows = rows.set_index(["space", "query", "candidate"])
        for name, space in zip(("pre", "post"), both, strict=True):
            for query, candidate, (q, c) in ((target, "en", (0, 1)), ("en", target, (1, 0))):
                found = slow.hits(space[q], space[c], "cosine")
                assert rows.loc[(name, query, candidate), "top1"] == pytest.approx(np.mean(found))


@pytest.fixture
def asked_settings(asked_for: Asked) -> Settings:
    settings = Settings(
        model=str(asked_for.model), dtype="float32", device="cpu", corpus=asked_for.corpus, targets=("es",), experts=K
    )
    return bound(settings)[0]


def test_paraphrases(asked_settings: Settings, slows: dict[str, slow.Slow], store: Store) -> None:
    first, second = sentences("es", 8, 30), sentences("de", 8, 30)  # any two lists will do
    experiment = asked_settings.experiment("es")
    hits = Engine(store).answer(experiment, lambda run: paraphrases(run, (first, second)))
    pre, post = slows["es"].spaces([first, second])
    expected = {
        "pre": slow.hits(pre[0], pre[1], "cosine"),
        "post": slow.hits(post[0], post[1], "cosine"),
        "mixed": slow.hits(pre[0], post[1], "cosine"),
    }
    assert {name: found.tolist() for name, found in hits.items()} == expected
    for row in rows_of(hits):
        found = expected[row["comparison"]]
        assert row["top1"] == pytest.approx(np.mean(found))
        assert (row["low"], row["high"]) == pytest.approx(slow.wilson(sum(found), 8))
        if row["comparison"] != "pre":
            assert row["p"] == pytest.approx(slow.mcnemar(expected["pre"], found))


def test_perplexity_by_text(asked_settings: Settings, slows: dict[str, slow.Slow], store: Store) -> None:
    plain, texts = slows["es"].plain, sentences("es", 5, 30)
    nll, n_tokens = Engine(store).answer(asked_settings.experiment("es"), lambda run: likelihoods(run, texts, None))
    expected = []
    for text in texts:
        ids = plain.ids(text)
        with torch.no_grad():
            logits = plain.lm(input_ids=ids).logits[0].double().log_softmax(-1)  # type: ignore[operator]
        expected.append(-sum(float(logits[at, ids[0, at + 1]]) for at in range(ids.shape[1] - 1)))
        assert n_tokens[len(expected) - 1] == ids.shape[1] - 1
    assert nll == pytest.approx(expected, rel=1e-4)
    found = pooled(nll, n_tokens)
    assert found.value == pytest.approx(np.exp(np.sum(expected) / n_tokens.sum()), rel=1e-4)
    assert found.low <= found.value <= found.high


def test_the_choice_of_k_says_what_it_rests_on(report: Path) -> None:
    frame = pd.read_csv(report / "choice_of_k.csv")
    assert sorted(frame["k"].unique()) == [0, 5, K]
    share = frame[frame["measure"] == "probability"]
    assert (share["n"] == 6).all()  # two seeds of three texts
    assert share["value"].between(0, 1).all()
    assert (frame.loc[frame["measure"] == "perplexity", "n"] == 4).all()
    for _, part in frame[frame["k"] == 0].groupby("target"):
        assert set(part["space"]) == {"pre"}


def test_methods_are_on_the_same_footing(report: Path) -> None:
    methods, gains = pd.read_csv(report / "methods.csv"), pd.read_csv(report / "gains.csv")
    target = methods["target"].iloc[0]
    chosen = gains[
        (gains["target"] == target) & (gains["view"] == "target as query") & (gains["layer"] == N_LAYERS)
    ].set_index(["control", "metric"])
    paper = methods[(methods["method"] == "set-mean") & (methods["score"] == "auroc")].set_index("control")
    for control in ("none", "random"):
        assert paper.loc[control, "top1"] == pytest.approx(chosen.loc[(control, "cosine"), "post"])
        assert paper.loc[control, "gain"] == pytest.approx(chosen.loc[(control, "cosine"), "gain"])
        assert paper.loc[control, "gain_low"] == pytest.approx(chosen.loc[(control, "cosine"), "gain_low"])
        assert paper.loc[control, "centred"] == pytest.approx(chosen.loc[(control, "centred"), "post"])
    unmodified = methods[methods["control"] == "unmodified"].iloc[0]
    assert unmodified["top1"] == pytest.approx(chosen.loc[("none", "cosine"), "pre"])
    assert json.loads((report / "report.json").read_text())["items"]["methods"]["state"] == "measured"
