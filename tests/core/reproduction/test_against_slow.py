"""Every measure of a whole report is what plain loops give, from the model's own outputs on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import CorpusError
from core.experiment.plan import plan
from core.inference.perplexity import likelihoods
from core.pipeline.engine import Engine
from core.progress import Progress
from core.reproduction.items.choice import CHOICE
from core.reproduction.items.methods import METHODS_ITEM
from core.reproduction.items.paraphrase import paraphrases, rows_of
from core.reproduction.settings import Settings, bound, paragraphs
from core.reproduction.study import Study
from core.store.store import Store
from tests.helpers import slow_reproduction as slow
from tests.helpers.reproduction import LANGUAGES, N_EVAL, N_PROBE, TARGETS, Asked, K
from tests.helpers.tiny import N_LAYERS, Plain, sentences

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
    frame, tests = pd.read_csv(report / "retrieval.csv"), pd.read_csv(report / "tests.csv")
    assert " ".join(frame) == ("model target k strength control space metric layer query candidate n top1 low high")
    for target in TARGETS:
        rows, tested = (
            part[
                (part["target"] == target)
                & (part["control"] == "none")
                & (part["metric"] == metric)
                & (part["layer"] == N_LAYERS)
            ]
            for part in (frame, tests)
        )
        rows, tested = rows.set_index(["space", "query", "candidate"]), tested.set_index(["query", "candidate"])
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
                assert tested.loc[key, "p"] == pytest.approx(expected)


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


def _centred(space: np.ndarray) -> np.ndarray:
    return np.stack([language - language.mean(axis=0) for language in space])


@pytest.mark.parametrize("metric", ["cosine", "centred"])
def test_distances(report: Path, spaces: dict[str, tuple[np.ndarray, np.ndarray]], metric: str) -> None:
    frame = pd.read_csv(report / "distances.csv")
    frame = frame[(frame["control"] == "none") & (frame["metric"] == metric) & (frame["layer"] == N_LAYERS)]
    frame = frame.set_index(["target", "space", "distance"])
    means: dict[tuple[str, str], list[float]] = {}
    for target, both in spaces.items():
        at = LANGUAGES.index(target)
        for name, embedded in zip(("pre", "post"), both, strict=True):
            space, n = embedded if metric == "cosine" else _centred(embedded), len(LANGUAGES)
            apart = {(a, b): slow.distance(space[a], space[b]) for a in range(n) for b in range(a)}
            medoid = slow.to_medoid(space)
            expected = {
                "all pairs": np.mean(list(apart.values())),
                "to target": np.mean([value for pair, value in apart.items() if at in pair]),
            }
            if metric == "cosine":  # a centred language has no mean
                expected["to medoid, target"] = medoid[at]
                expected["to medoid, others"] = np.mean([v for number, v in enumerate(medoid) if number != at])
            assert set(frame.loc[target, name].index) == set(expected)
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


def test_the_change_of_a_distance_is_tested(report: Path, spaces: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    frame = pd.read_csv(report / "distances.csv")
    for target, both in spaces.items():
        p = {}
        for metric in ("cosine", "centred"):
            used = both if metric == "cosine" else [_centred(space) for space in both]
            pairs = [(a, b) for a in range(len(LANGUAGES)) for b in range(a)]
            with_target = [pair for pair in pairs if LANGUAGES.index(target) in pair]
            for name, chosen in (("all pairs", pairs), ("to target", with_target)):
                moved = [
                    np.mean([1 - slow.cosine(used[1][a, row], used[1][b, row]) for a, b in chosen])
                    - np.mean([1 - slow.cosine(used[0][a, row], used[0][b, row]) for a, b in chosen])
                    for row in range(N_EVAL)
                ]
                p[metric, name] = slow.signed_ranks(moved)
                row = frame[
                    (frame["target"] == target)
                    & (frame["control"] == "none")
                    & (frame["space"] == "post")
                    & (frame["metric"] == metric)
                    & (frame["layer"] == N_LAYERS)
                    & (frame["distance"] == name)
                ].iloc[0]
                assert row["change"] == pytest.approx(np.mean(moved), abs=1e-5)
                assert row["change_low"] <= row["change"] <= row["change_high"]
                assert row["p"] >= p[metric, name] - 1e-12  # adjusted with those of the best layer


@pytest.mark.parametrize("metric", ["cosine", "centred", "csls"])
def test_correlations(report: Path, spaces: dict[str, tuple[np.ndarray, np.ndarray]], metric: str) -> None:
    frame = pd.read_csv(report / "correlations.csv")
    frame = frame[(frame["metric"] == metric) & (frame["layer"] == N_LAYERS)].set_index(["target", "y", "space"])
    for target, both in spaces.items():
        pre, post = map(_centred, both) if metric == "centred" else both
        at = LANGUAGES.index(target)
        others = [number for number in range(len(LANGUAGES)) if number != at]
        top1 = [np.array([np.mean(slow.hits(s[at], s[o], metric)) for o in others]) for s in (pre, post)]
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
    by_way = Engine(store).answer(experiment, lambda run: paraphrases(run, (first, second)))
    assert {metric for metric, _ in by_way} == {"cosine", "centred", "csls"}
    for (metric, layer), hits in by_way.items():
        expected = slow_paraphrases(*slows["es"].spaces([first, second], layer), metric)
        assert {name: found.tolist() for name, found in hits.items()} == expected, (metric, layer)
        for row in rows_of(hits):
            found = expected[row["comparison"]]
            assert row["top1"] == pytest.approx(np.mean(found))
            assert (row["low"], row["high"]) == pytest.approx(slow.wilson(sum(found), 8))
            if row["comparison"] != "pre":
                assert row["p"] == pytest.approx(slow.mcnemar(expected["pre"], found))


def slow_paraphrases(pre: np.ndarray, post: np.ndarray, metric: str) -> dict[str, list[bool]]:
    """Both sides of the pairs, before and after: centred, each space by the mean of both its sides together."""
    if metric == "centred":
        pre, post = (space - space.reshape(-1, space.shape[-1]).mean(axis=0) for space in (pre, post))
    by = "cosine" if metric == "centred" else metric
    return {
        "pre": slow.hits(pre[0], pre[1], by),
        "post": slow.hits(post[0], post[1], by),
        "mixed": slow.hits(pre[0], post[1], by),
    }


def test_methods_on_the_first_rows(
    asked_settings: Settings, spaces: dict[str, tuple[np.ndarray, np.ndarray]], store: Store
) -> None:
    settings = replace(asked_settings, method_sentences=7)
    study = Study(Engine(store), settings, plan(settings.experiment("es")))
    for step in METHODS_ITEM.steps(study):
        step.work(Progress())
    frame = METHODS_ITEM.tables(study)["methods"].set_index(["method", "score", "control"])
    assert (frame["n"] == 7).all()
    at = LANGUAGES.index("es")
    for key, whole in ((("none", "none", "unmodified"), 0), (("set-mean", "auroc", "none"), 1)):
        space = spaces["es"][whole][:, :7]
        others = [number for number in range(len(LANGUAGES)) if number != at]
        for metric, name in (("cosine", "top1"), ("centred", "centred"), ("csls", "csls")):
            hits = [np.mean(slow.hits(space[at], space[other], metric)) for other in others]
            assert frame.loc[key, name] == pytest.approx(np.mean(hits)), (key, metric)
        apart = [slow.distance(space[a], space[b]) for a in range(len(LANGUAGES)) for b in range(a)]
        assert frame.loc[key, "distance"] == pytest.approx(np.mean(apart), abs=1e-5)
    assert frame.loc[("additive", "auroc", "none"), "top1"] == frame.loc[("mean-act", "auroc", "none"), "top1"]


def test_perplexity_on_paragraphs_of_a_file(asked_settings: Settings, store: Store, tmp_path: Path) -> None:
    long = [" ".join(sentences("es", 4, start)) for start in (0, 4, 8)]
    assert min(map(len, long)) >= 100
    (tmp_path / "es.txt").write_text("Corto.\n" + "\n\n".join(long) + "\n", encoding="utf-8")
    settings = replace(asked_settings, perplexity_texts=tmp_path, perplexity_sentences=2)
    assert paragraphs(settings, "es") == tuple(long[:2])
    study = Study(
        Engine(store), replace(settings, sweep=(K,), texts=2, seeds=1, text_tokens=2), plan(settings.experiment("es"))
    )
    frame = CHOICE.tables(study)["choice_of_k"]
    row = frame[(frame["measure"] == "perplexity") & (frame["space"] == "pre")].iloc[0]
    model = study.engine.models.get(study.plan.resolved)
    expected = likelihoods(model, long[:2]).pooled  # which is tested by itself, in windows too
    assert row["value"] == pytest.approx(expected.value, rel=1e-6)
    assert row["n"] == 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("de.txt", b"x", "it has de.txt"),
        ("es.txt", b"one\ntwo\n", "0 of its lines have at least 100"),
        ("es.txt", b"\xff" * 200, "not UTF-8 at byte 0"),
    ],
)
def test_says_what_is_wrong_with_a_file_of_text(
    asked_settings: Settings, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=words):
        bound(replace(asked_settings, perplexity_texts=tmp_path))


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
