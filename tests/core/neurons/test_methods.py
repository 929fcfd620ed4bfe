"""Each method's formula and each score against the obvious slow way, alone and in an experiment."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score

from core.errors import SettingError
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.inference.batching import tokenise
from core.inference.forward import forward
from core.neurons.interventions import TOKENS, intervene
from core.neurons.methods import DAMP, METHODS, Evidence
from core.neurons.scores import SCORES, lape
from core.neurons.selection import layers_of
from core.pipeline.engine import Engine
from core.pipeline.stages import Stages
from core.store.store import Store

K, N_TARGET, N_REST = 6, 11, 33
# The others: test_source_maps.py and test_learned_map.py
SAME_FOR_ALL = [name for name, method in METHODS.items() if method.build and not method.learned]


def evidence(seed: int = 0, n_rest: int = N_REST) -> tuple[Evidence, np.ndarray, np.ndarray]:
    """Responses of a few neurons to a few sentences: some alike, one the same for all others."""
    random = np.random.default_rng(seed)
    target = random.normal(1, 2, (K, N_TARGET))
    rest = random.normal(-1, 1, (K, n_rest))
    rest[2], target[3] = 0.25, -4.0
    return Evidence(target.mean(1), rest.mean(1), lambda: (target, rest)), target, rest


def expected(method: str, z: float, target: np.ndarray, rest: np.ndarray) -> float:
    """What the method's map makes of one neuron's output, from its two samples."""
    if method == "set-mean":
        return float(target.mean())
    if method == "set-median":
        return float(np.median(target))
    if method in ("additive", "mean-act"):
        return float(z + target.mean() - rest.mean())
    if method == "zero":
        return 0.0
    if method == "damp":
        return z * DAMP
    if method == "aura":
        truth = np.repeat([1, 0], [len(target), len(rest)])
        score = roc_auc_score(truth, np.concatenate([target, rest]).astype(np.float32))
        return float(z * (1 - 2 * (score - 0.5))) if score > 0.5 else z
    assert method == "linear-act"
    if np.ptp(rest) == 0:
        return float(z + target.mean() - rest.mean())
    # As many quantiles as the smaller sample has; with as many sentences on both sides, the sorted samples themselves.
    n = min(len(target), len(rest))
    at = (np.arange(n) + 0.5) / n
    source = np.interp(at, (np.arange(len(rest)) + 0.5) / len(rest), np.sort(rest))
    to = np.interp(at, (np.arange(len(target)) + 0.5) / len(target), np.sort(target))
    return float(LinearRegression().fit(source[:, None], to).predict([[z]])[0])


@pytest.mark.parametrize("n_rest", [N_TARGET, N_REST, 5])
@pytest.mark.parametrize("strength", [1.0, 0.4, 1.6, -0.5])
@pytest.mark.parametrize("method", SAME_FOR_ALL)
def test_methods_equal_their_formulas(method: str, strength: float, n_rest: int) -> None:
    seen, target, rest = evidence(n_rest=n_rest)
    built = intervene(method, np.arange(K), seen, strength)
    for neuron in range(K):
        for z in (-3.0, 0.0, 0.7, 12.0):
            found = built.scale[neuron] * z + built.shift[neuron]
            moved = (1 - strength) * z + strength * expected(method, z, target[neuron], rest[neuron])
            assert math.isclose(found, moved, rel_tol=1e-5, abs_tol=1e-5)


@pytest.mark.parametrize("method", SAME_FOR_ALL)
def test_strength_0_is_the_identity(method: str) -> None:
    assert intervene(method, np.arange(K), evidence()[0], 0.0).is_identity
    assert not intervene(method, np.arange(K), evidence()[0], 0.5).is_identity


@pytest.mark.parametrize("strength", [math.nan, math.inf, -math.inf, 1e39])
@pytest.mark.parametrize("method", SAME_FOR_ALL)
def test_a_strength_that_is_no_number_is_refused(method: str, strength: float) -> None:
    with pytest.raises(SettingError, match="strength"):
        intervene(method, np.arange(K), evidence()[0], strength)


def test_tokens_are_part_of_an_intervention() -> None:
    built = [intervene("zero", np.arange(3), evidence()[0], 1.0, tokens) for tokens in TOKENS]
    assert len({one.digest for one in built}) == len(TOKENS)
    with pytest.raises(ValueError, match="tokens"):
        replace(built[0], tokens="first")


# -- in words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", ["", "the values given there", "their own languages' averages"])
@pytest.mark.parametrize("strength", [1.0, 0.5, -0.5])
@pytest.mark.parametrize("method", METHODS)
def test_of_one_neuron_nothing_is_said_of_several(method: str, strength: float, held: str) -> None:
    one = METHODS[method].in_words("Japanese", strength, held, n=1)
    assert not re.search(r"\b(they|their|them|maps|values|averages)\b", one)
    several = METHODS[method].in_words("Japanese", strength, held)
    assert several == METHODS[method].in_words("Japanese", strength, held, n=7)
    plural = {
        "their own languages' averages": "its own language's average", "the values": "the value", "their": "its",
        "they recognise": "it recognises", "maps learned together": "a map that was learned",
    }  # fmt: skip
    for words, of_one in plural.items():
        several = several.replace(words, of_one)
    assert one == several


@pytest.mark.parametrize(
    ("method", "strength", "held", "said"),
    [
        ("set-mean", 1.0, "", "held at its Japanese average"),
        ("set-mean", 0.5, "", "pulled to its Japanese average with strength 0.5"),
        ("set-mean", 1.0, "their own languages' averages", "held at its own language's average"),
        ("set-mean", -1.0, "the values given there", "pushed away from the value given there with strength -1"),
        ("aura", 1.0, "", "damped by how well it recognises Japanese"),
        ("lineas", 1.0, "", "mapped from other languages onto Japanese by a map that was learned"),
        (
            "recover",
            0.5,
            "",
            "moved from each sentence's own language to Japanese, with its length kept, with strength 0.5",
        ),
    ],
)
def test_one_neuron_in_words(method: str, strength: float, held: str, said: str) -> None:
    assert METHODS[method].in_words("Japanese", strength, held, n=1) == said


# -- scores ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 1000), st.integers(2, 4))
def test_scores_equal_a_plain_loop(seed: int, n_languages: int) -> None:
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(n_languages), random.integers(0, n_languages, 14)])
    responses = random.integers(-2, 4, (5, len(labels))).astype(np.float32) / 2
    shares = np.zeros((n_languages, 5))
    for language in range(n_languages):
        for neuron in range(5):
            own, others = responses[neuron, labels == language], responses[neuron, labels != language]
            shares[language, neuron] = np.mean(own > 0)
            score = SCORES["mean-difference"].at_site(responses, labels, n_languages)[language, neuron]
            assert math.isclose(score, own.astype(float).mean() - others.astype(float).mean(), abs_tol=1e-9)
    found = SCORES["lape"].over_model(SCORES["lape"].at_site(responses, labels, n_languages))
    for neuron in range(5):
        entropy = -sum(
            p / shares[:, neuron].sum() * math.log(p / shares[:, neuron].sum()) for p in shares[:, neuron] if p
        )
        best = max(range(n_languages), key=lambda n: (shares[n, neuron], -n))
        for language in range(n_languages):
            its = language == best and shares[language, neuron] >= 0.5
            wanted = 1 - entropy / math.log(n_languages) if its else 0.0
            assert math.isclose(found[language, neuron], wanted, abs_tol=1e-6)


def test_lape_finds_the_neuron_of_one_language() -> None:
    shares = np.array([[0.9, 0.5, 0.0, 0.01], [0.0, 0.5, 0.0, 0.0], [0.0, 0.5, 0.0, 0.0]])
    found = lape(shares)
    np.testing.assert_allclose(found[0], [1, 0, 0, 0], atol=1e-12)  # the last responds too seldom
    assert (found[1:] == 0).all()


# -- as stages of an experiment --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", SAME_FOR_ALL)
def test_an_experiment_writes_what_the_stored_responses_say(method: str, asked: Experiment, store: Store) -> None:
    engine = Engine(store)
    asked = replace(asked, method=method)
    bound, experts = engine.experts(asked)
    stages = Stages(bound, store, lambda: engine.models.get(bound.resolved))
    built = stages.intervention(experts)
    model = engine.models.get(bound.resolved)
    by_language = {}
    for code in bound.probe.languages:
        responses = forward(model, tokenise(model, bound.probe.texts[code]), responses=True).responses
        assert responses is not None
        by_language[code] = np.concatenate([responses[s.path] for s in bound.outline.neurons.sites])[experts.neurons]
    target = by_language.pop(bound.target)
    rest = np.concatenate(list(by_language.values()), axis=1)
    assert built.tokens == "all"
    np.testing.assert_array_equal(built.neurons, experts.neurons)
    for place in range(0, len(experts.neurons), 7):
        wanted = (1 - asked.strength) * 0.3 + asked.strength * expected(method, 0.3, target[place], rest[place])
        assert math.isclose(built.scale[place] * 0.3 + built.shift[place], wanted, rel_tol=1e-4, abs_tol=1e-4)


@pytest.mark.parametrize("score", SCORES)
def test_an_experiment_ranks_by_the_score_asked_for(score: str, asked: Experiment, engine: Engine) -> None:
    bound, experts = engine.experts(replace(asked, score=score))
    assert len(experts.neurons) == asked.experts
    assert (np.diff(experts.scores) <= 0).all()
    model = engine.models.get(bound.resolved)
    parts = [
        forward(model, tokenise(model, bound.probe.texts[code]), responses=True).responses
        for code in bound.probe.languages
    ]
    flat = np.concatenate(
        [np.concatenate([part[s.path] for s in bound.outline.neurons.sites]) for part in parts if part], axis=1
    )
    labels = np.repeat(np.arange(len(parts)), len(bound.probe))
    everyone = SCORES[score].over_model(SCORES[score].at_site(flat, labels, len(parts)))
    row = everyone[bound.probe.languages.index(bound.target)]
    np.testing.assert_allclose(experts.scores, np.sort(row)[::-1][: asked.experts], atol=1e-6)


def test_methods_that_need_responses_read_them_again_when_they_are_gone(asked: Experiment, store: Store) -> None:
    engine = Engine(store)
    engine.experts(asked)
    for entry in store.entries():
        if entry.stage == "responses":
            store.remove(entry)
    assert engine.estimate(asked)["capture"] == 0
    median = replace(asked, method="set-median")
    assert engine.estimate(median)["capture"] > 0
    assert engine.known(median) is None
    result = engine.run(median)
    assert "capture" in result.computed
    assert engine.known(median) is not None


def test_other_kinds_of_neurons_are_read_chosen_and_written(asked: Experiment, engine: Engine) -> None:
    plain = engine.run(asked)
    asked = replace(asked, neurons=("residual", "attention"), experts=20, method="zero", strength=1.0)
    result = engine.run(asked)
    assert result.plan.experiment.neurons == ("attention", "residual")
    kinds = {site.kind for site, _, _ in result.plan.outline.neurons.by_site(result.experts.neurons)}
    assert kinds <= {"attention", "residual"}
    assert {"capture", "expertise", "embed_post"} <= set(result.computed)
    assert "embed_pre" not in result.computed  # the unmodified space does not depend on what counts as a neuron
    model = engine.models.get(result.plan.resolved)
    group = result.plan.groups[0]
    built = Stages(result.plan, engine.store, lambda: model).intervention(result.experts)
    held = {}
    for site, units, _ in result.plan.outline.neurons.by_site(built.neurons):
        module = model.base.get_submodule(site.path)

        def silence(_m: object, _a: object, output: object, units: np.ndarray = units) -> None:
            (output if isinstance(output, torch.Tensor) else output[0])[..., units] = 0  # type: ignore[index]

        held[site.path] = module.register_forward_hook(silence)
    tokens = tokenise(model, group.texts["en"])
    by_hand = forward(model, tokens, embeddings=True).embeddings
    for handle in held.values():
        handle.remove()
    stored = Stages(result.plan, engine.store, lambda: model).embeddings(0, built, result.plan.layer)
    assert by_hand is not None
    np.testing.assert_allclose(stored[group.languages.index("en")], by_hand[-1], rtol=1e-4, atol=1e-5)
    assert plain.target_top1.pre == result.target_top1.pre


def test_the_control_by_layer_keeps_the_histogram(asked: Experiment, engine: Engine) -> None:
    bound, experts = engine.experts(asked)
    written = {}
    for control in ("none", "random", "random-layers"):
        drawn = replace(bound, experiment=replace(bound.experiment, control=control))
        written[control] = Stages(drawn, engine.store, lambda: engine.models.get(bound.resolved)).intervention(experts)
    everyone = bound.outline.neurons
    layers = {control: np.bincount(layers_of(one.neurons, everyone), minlength=3) for control, one in written.items()}
    np.testing.assert_array_equal(layers["random-layers"], layers["none"])
    for control in ("random", "random-layers"):
        assert set(written[control].neurons) != set(experts.neurons)
        np.testing.assert_array_equal(written[control].shift, written["none"].shift)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"method": "invert"}, "set-mean"),
        ({"score": "f1"}, "auroc"),
        ({"tokens": "first"}, "no-bos"),
        ({"select": "site"}, "layer"),
        ({"neurons": ("heads",)}, "attention"),
        ({"neurons": ()}, "attention"),
        ({"expert_layers": "9"}, "0 to 2"),
        ({"expert_layers": "x"}, "no layers"),
        ({"expert_sites": ("conv",)}, "gate_proj"),
        ({"min_score": math.nan}, "not a number"),
        ({"control": "all"}, "random-layers"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_any_work(
    change: dict[str, object], says: str, asked: Experiment
) -> None:
    with pytest.raises(SettingError) as caught:
        plan(replace(asked, **change))  # type: ignore[arg-type]
    assert says in caught.value.why + caught.value.instead


def test_a_score_that_nobody_reaches_says_what_the_best_is(asked: Experiment, engine: Engine) -> None:
    with pytest.raises(SettingError) as caught:
        engine.run(replace(asked, min_score=1.5))
    best = engine.experts(asked)[1].scores[0]
    assert f"{best:.4f}" in caught.value.why
