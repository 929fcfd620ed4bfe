"""Maps by source language: each against plain arithmetic, then in passes, generation, experiments and exports."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.cli.main import main
from core.errors import AskError, SettingError
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.export import forms
from core.inference.batching import TokenisedSentences, tokenise
from core.inference.forward import forward
from core.inference.generation import generate
from core.inference.perplexity import likelihoods
from core.models.loaded_model import LoadedModel
from core.neurons.interventions import Intervention, intervene_by_source
from core.neurons.methods import METHODS
from core.neurons.source_maps import SourceEvidence
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.stats.ridge import ridge_factors
from tests.helpers.passes import close
from tests.helpers.tiny import FAMILIES, Plain, sentences, write_table

BY_SOURCE = [name for name, method in METHODS.items() if method.by_source]
LANGUAGES, TARGET = ("de", "en", "ja"), "ja"


def responses(k: int, seed: int = 0) -> np.ndarray:
    """Responses of units to parallel sentences: (3 languages, k, 9)."""
    random = np.random.default_rng(seed)
    meaning = random.normal(size=(k, 9))
    return np.stack([meaning * scale + random.normal(size=(k, 1)) for scale in (1.0, -0.5, 2.0)])


def evidence(k: int, sites: list[np.ndarray]) -> SourceEvidence:
    seen = responses(k)
    experts = {code: np.array([place, (place + 1) % k]) for place, code in enumerate(LANGUAGES)}
    return SourceEvidence(LANGUAGES, TARGET, seen.mean(2), lambda: seen, sites, experts)


def expected(method: str, z: np.ndarray, source: str | None, of: SourceEvidence) -> np.ndarray:
    """What the method makes of outputs (k,) of all sites at strength 1, step by step."""
    rows = dict(zip(of.languages, of.samples(), strict=True))
    mean = {code: rows[code].astype(float).mean(1) for code in rows}
    away = mean[source] if source else np.mean([mean[code] for code in rows if code != TARGET], axis=0)
    moved = z + mean[TARGET] - away
    if method == "diff-mean" or (method == "incline" and source is None):
        return np.asarray(moved)
    if method == "recover":
        for units in of.sites:
            length = math.sqrt(sum(moved[units] ** 2))
            moved[units] *= math.sqrt(sum(z[units] ** 2)) / length if length else 1
        return np.asarray(moved)
    if method == "incline":
        assert source is not None
        new = z.copy()
        for units in of.sites if source != TARGET else ():
            first, second = ridge_factors(
                (rows[source][units] - mean[source][units, None]).T, (rows[TARGET][units] - mean[TARGET][units, None]).T
            )
            new[units] = mean[TARGET][units] + (z[units] - mean[source][units]) @ (first @ second)
        return np.asarray(new)
    assert method == "arithmetic"
    new = z.copy()
    if source not in (None, TARGET):
        for unit in of.experts[source]:
            new[unit] = np.mean([mean[code][unit] for code in rows if code != source])
    for unit in of.experts[TARGET]:
        new[unit] = mean[TARGET][unit]
    return np.asarray(new)


def written(part: Intervention, z: np.ndarray, sites: list[np.ndarray]) -> np.ndarray:
    """What an intervention on units (k,) of several sites says becomes of ``z``."""
    new = part.scale * z + part.shift
    for units in sites:
        if part.factors is not None:
            new[units] += part.factors[0][units] @ (part.factors[1][:, units] @ z[units])
        if part.restores_norm:
            new[units] *= np.linalg.norm(z[units]) / np.linalg.norm(new[units])
    return np.asarray(new)


@pytest.mark.parametrize("strength", [1.0, 0.4, -0.5])
@pytest.mark.parametrize("method", BY_SOURCE)
def test_methods_equal_their_formulas(method: str, strength: float) -> None:
    sites = [np.array([0, 1, 2, 3]), np.array([4, 5, 6])]
    of = evidence(7, sites)
    built = intervene_by_source(method, np.arange(7), of, strength)
    z = np.random.default_rng(8).normal(size=7)
    for source in (*LANGUAGES, None):
        wanted = expected(method, z, source, of)
        if method == "recover":  # the length is kept at every strength
            shift = intervene_by_source("diff-mean", np.arange(7), of, strength).of(source).shift
            wanted = z + shift
            for units in sites:
                wanted[units] *= np.linalg.norm(z[units]) / np.linalg.norm(wanted[units])
        else:
            wanted = (1 - strength) * z + strength * wanted
        np.testing.assert_allclose(written(built.of(source), z, sites), wanted, rtol=1e-5, atol=1e-5)
    if method != "arithmetic":
        assert built.of(TARGET).is_identity


@pytest.mark.parametrize("method", BY_SOURCE)
def test_strength_0_is_the_identity_and_the_content_is_the_digest(method: str) -> None:
    of = evidence(4, [np.arange(4)])
    built = {strength: intervene_by_source(method, np.arange(4), of, strength) for strength in (0.0, 0.5, 1.0)}
    assert built[0.0].is_identity
    assert not built[0.5].is_identity
    assert built[0.5].digest != built[1.0].digest
    assert built[1.0].digest == intervene_by_source(method, np.arange(4), of, 1.0).digest
    assert built[1.0].of("de").digest != built[1.0].of("en").digest
    with pytest.raises(SettingError, match="fr"):
        built[1.0].of("fr")


def test_least_squares_that_would_fill_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.neurons.source_maps._MOST_BYTES", 100)
    with pytest.raises(SettingError, match="GiB"):
        intervene_by_source("incline", np.arange(4), evidence(4, [np.arange(4)]), 1.0)


# -- in passes -------------------------------------------------------------------------------------------------------


def on_model(model: LoadedModel, method: str) -> tuple[Intervention, SourceEvidence, list[tuple[str, np.ndarray]]]:
    """An intervention on three units of every site, with paths and units."""
    sites = model.neurons.sites
    neurons = np.array([site.start + unit for site in sites for unit in (0, 5, 9)])
    places = [np.arange(3 * number, 3 * number + 3) for number in range(len(sites))]
    of = evidence(len(neurons), places)
    return intervene_by_source(method, neurons, of, 1.0), of, [(site.path, np.array([0, 5, 9])) for site in sites]


def change(method: str, source: str | None, of: SourceEvidence, place: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """A plain hook at one site: token by token, by `expected`."""

    def changed(output: torch.Tensor) -> torch.Tensor:
        output = output.clone()
        for token in output.reshape(-1, output.shape[-1]):  # views of it
            z = np.zeros(of.means.shape[1])
            z[of.sites[place]] = token[[0, 5, 9]].double().numpy()
            token[[0, 5, 9]] = torch.from_numpy(expected(method, z, source, of)[of.sites[place]]).float()
        return output

    return changed


@pytest.mark.parametrize("method", BY_SOURCE)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_of_several_languages_equals_a_plain_loop(
    family: str, method: str, tiny_models: Mapping[str, LoadedModel], plain_models: Mapping[str, Plain]
) -> None:
    model, plain = tiny_models[family], plain_models[family]
    built, of, at = on_model(model, method)
    texts = {code: sentences(code, 2) for code in LANGUAGES}
    mixed = TokenisedSentences.joined([tokenise(model, texts[code], code) for code in LANGUAGES])
    found = forward(model, mixed, embeddings=True, intervention=built).embeddings
    untouched = forward(model, mixed, embeddings=True).embeddings
    assert found is not None
    assert untouched is not None
    for number, code in enumerate(LANGUAGES):
        changes = {path: change(method, code, of, place) for place, (path, _) in enumerate(at)}
        with plain.holding(changes):
            wanted = plain.embeddings(texts[code], FAMILIES[family].stack)
        np.testing.assert_allclose(found[:, 2 * number : 2 * number + 2], wanted, rtol=1e-4, atol=1e-4)
    if method != "arithmetic":
        assert found[:, 4:].tobytes() == untouched[:, 4:].tobytes()  # the target's own rows


@pytest.mark.parametrize("tokens", ["all", "last", "no-bos"])
def test_generation_goes_by_the_prompts_language_with_and_without_a_cache(
    tokens: str, tiny_models: Mapping[str, LoadedModel]
) -> None:
    model = tiny_models["gemma3"]
    built, _, _ = on_model(model, "diff-mean")
    built = replace(
        built, tokens=tokens, sources={code: replace(part, tokens=tokens) for code, part in built.sources.items()}
    )
    prompt = "Where is the nearest railway station?"

    def text(intervention: Intervention, prompt: str = prompt, **settings: bool) -> list[str]:
        return generate(model, prompt, n_samples=2, max_tokens=6, temperature=0, intervention=intervention, **settings)

    assert text(built) == text(built.of("en"))
    assert text(built, "") == text(built.of(None), "")
    if tokens != "last":
        assert text(built) == text(built, use_cache=False)
        found = likelihoods(model, [prompt, "Wo ist der nächste Bahnhof?"], intervention=built).nll
        alone = [
            likelihoods(model, [text], intervention=built.of(code)).nll[0]
            for text, code in ((prompt, "en"), ("Wo ist der nächste Bahnhof?", "de"))
        ]
        close(found, np.array(alone))


# -- as stages of an experiment --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", BY_SOURCE)
def test_an_experiment_moves_every_language_by_its_own_map(method: str, asked: Experiment, engine: Engine) -> None:
    asked = replace(asked, method=method, strength=0.7)
    assert "ru" not in (asked.probe_languages or ())  # and it is evaluated: its responses are read beside the probe's
    result = engine.run(asked)
    assert {"capture", "embed_post"} <= set(result.computed)
    assert engine.known(asked) is not None
    assert result.experts.neurons.tolist() == engine.experts(replace(asked, method="zero"))[1].neurons.tolist()

    def question(run: Run) -> tuple[Intervention, dict[str, np.ndarray], dict[str, np.ndarray]]:
        built = run.stages.intervention(run.experts())
        spaces = [run.stages.embeddings(0, space, run.plan.layer) for space in (None, built)]
        pre, post = (dict(zip(run.plan.languages, space, strict=True)) for space in spaces)
        return built, pre, post

    built, pre, post = engine.answer(asked, question)
    model, bound = engine.models.get(result.plan.resolved), result.plan
    assert set(built.sources) == {"en", "de", "es", "ja", "ru"}
    for code in bound.languages:
        alone = forward(
            model, tokenise(model, bound.groups[0].texts[code]), embeddings=True, intervention=built.of(code)
        ).embeddings
        assert alone is not None
        np.testing.assert_allclose(post[code], alone[-1], rtol=1e-4, atol=1e-5)
        assert (post[code].tobytes() == pre[code].tobytes()) == built.of(code).is_identity
    random = engine.answer(replace(asked, control="random"), lambda run: run.stages.intervention(run.experts()))
    assert len(random.neurons) == len(built.neurons)
    assert all((part.neurons == random.neurons).all() for part in random.sources.values())


def test_a_map_of_a_sites_units_is_put_on_random_units_of_that_site(asked: Experiment, engine: Engine) -> None:
    """Its factors read and write the units of one site together, so that these must stay together."""
    fitted = replace(asked, method="incline", strength=1.0)
    built, *drawn = (
        engine.answer(replace(fitted, control=control), lambda run: run.stages.intervention(run.experts()))
        for control in ("none", "random", "random-layers")
    )
    sites = plan(asked).outline.neurons.sites

    def paths(neurons: np.ndarray) -> list[str]:
        return [next(site.path for site in sites if site.start <= n < site.start + site.width) for n in neurons]

    for moved in drawn:
        assert set(moved.neurons) != set(built.neurons)
        assert paths(moved.neurons) == paths(built.neurons)
        for code, part in built.sources.items():
            of = moved.of(code)
            assert (of.neurons == moved.neurons).all()
            assert (of.scale.tobytes(), of.shift.tobytes()) == (part.scale.tobytes(), part.shift.tobytes())
            assert (part.factors is None) == (code == "ja")
            for mine, theirs in zip(of.factors or (), part.factors or (), strict=True):
                np.testing.assert_array_equal(mine, theirs)


def test_arithmetic_writes_to_the_experts_of_every_language(asked: Experiment, engine: Engine) -> None:
    asked = replace(asked, method="arithmetic", strength=1.0, probe_languages=("en", "de", "es", "ja", "ru"))
    built = engine.answer(asked, lambda run: run.stages.intervention(run.experts()))
    own = {code: engine.experts(replace(asked, target=code))[1] for code in ("ja", "en")}
    english, place = built.of("en"), {neuron: number for number, neuron in enumerate(built.neurons.tolist())}
    for neuron in own["en"].neurons.tolist():
        assert english.scale[place[neuron]] == 0
    for neuron, value in zip(own["ja"].neurons.tolist(), own["ja"].values, strict=True):
        for part in built.sources.values():
            assert math.isclose(part.shift[place[neuron]], value, rel_tol=1e-3, abs_tol=1e-4)


def test_all_units_of_a_layers_residual_stream_are_moved(asked: Experiment, engine: Engine) -> None:
    asked = replace(asked, method="recover", neurons=("residual",), select="all", expert_layers="1", experts=1)
    result = engine.run(asked)
    sites = list(result.plan.outline.neurons.by_site(result.experts.neurons))
    assert [(site.kind, site.layer, len(units)) for site, units, _ in sites] == [("residual", 1, 32)]

    def question(run: Run) -> list[np.ndarray]:
        built = run.stages.intervention(run.experts())
        return [run.stages.embeddings(0, space, layer) for layer in (1, 2) for space in (None, built)]

    pre, post, pre_next, post_next = engine.answer(asked, question)
    assert pre.tobytes() == post.tobytes()
    assert pre_next.tobytes() != post_next.tobytes()


def test_a_source_without_probe_rows_is_refused(tmp_path: Path, asked: Experiment) -> None:
    wide = write_table(tmp_path / "wide.tsv", 8, 6)
    narrow = write_table(tmp_path / "narrow.tsv", 8, 6, ("en", "de", "ja"))
    asked = replace(asked, method="diff-mean", corpus=wide, probe_corpus=narrow, probe_languages=None)
    with pytest.raises(SettingError, match=r"es, ru.*no rows in these.*--languages"):
        plan(asked)
    assert plan(replace(asked, languages=("en", "de"))).sources is not None
    with pytest.raises(SettingError, match="file does not name"):
        plan(replace(asked, method="arithmetic", experts_from="experts.csv", languages=("en", "de")))


# -- taken along -----------------------------------------------------------------------------------------------------


def test_weights_take_one_source_and_only_maps_of_single_units(
    asked: Experiment, engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = replace(asked, method="diff-mean")
    built, neurons = engine.answer(
        asked, lambda run: (run.stages.intervention(run.experts()), run.plan.outline.neurons)
    )
    with pytest.raises(SettingError, match=r"weights do not know.*--source"):
        forms.changes(built, neurons)
    assert forms.changes(built.of("en"), neurons)
    options = ["--model", asked.model, "--dtype", "float32", "--corpus", asked.corpus, "--target", "ja"]
    options += ["--experts", "30", "--strength", "1", "--cache", str(engine.store.root)]
    out = tmp_path / "out"
    assert main(["export", *options, "--method", "diff-mean", "--source", "en", "--out", str(out)]) == 0
    assert "as if all were in English" in (out / "README.md").read_text(encoding="utf-8")
    for method in ("recover", "incline"):
        arguments = [*options, "--method", method, "--source", "en", "--out", str(tmp_path / method)]
        assert main(["export", *arguments]) == 2
        assert "depends on other units" in capsys.readouterr().err


def test_an_encoder_identifies_what_nobody_says(asked: Experiment, engine: Engine) -> None:
    from core.export.encoder import encoders

    asked = replace(asked, method="diff-mean", languages=("en", "de"))
    encoder = engine.answer(asked, encoders)[1]
    texts = [sentences("en", 1, 6)[0], sentences("de", 1, 6)[0]]
    alone = [encoder.encode([text], language=code) for text, code in zip(texts, ("en", "de"), strict=True)]
    np.testing.assert_allclose(encoder.encode(texts), np.concatenate(alone), rtol=1e-5, atol=1e-5)
    with pytest.raises(AskError, match="ko"):
        encoder.encode(texts, language="ko")
