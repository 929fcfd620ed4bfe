"""An experiment end to end gives what plain loops give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.inference.batching import tokenise
from core.inference.forward import forward
from core.neurons.experts import Experts
from core.pipeline.engine import Engine
from core.pipeline.incremental import rounds
from core.pipeline.result import Result
from core.pipeline.run import Run
from core.pipeline.stages import Stages
from core.spaces.projection import held_umap
from tests.helpers.passes import set_value
from tests.helpers.tiny import FAMILIES, LANGUAGES, N_LAYERS, Plain, sentences, write_table

N_PROBE, N_EVAL, K = 10, 7, 30  # of the experiment that the fixture gives


class Slow:
    """The whole method by plain loops, on a model of the test's own."""

    def __init__(self, plain: Plain, family: str) -> None:
        self.plain, self.family = plain, FAMILIES[family]
        self.starts = np.cumsum([0] + [width for _ in range(N_LAYERS) for _, width in self.family.sites])

    def scores(self, target: str, others: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """AUROC of every neuron for the target, and its mean response on it."""
        found = {}
        for code in [target, *others]:
            by_site = self.plain.responses(sentences(code, N_PROBE), self.family.paths, "mean")
            found[code] = np.concatenate(list(by_site.values()))
        everything = np.concatenate(list(found.values()), axis=1)
        truth = np.arange(everything.shape[1]) < N_PROBE
        return np.array([roc_auc_score(truth, row) for row in everything]), found[target].mean(axis=1)

    def space(self, texts: Mapping[str, tuple[str, ...]], held: Mapping[int, float], strength: float) -> np.ndarray:
        """Embeddings with neurons held, (n_layers + 1, n_languages, n_sentences, hidden)."""
        changes = {}
        for number, path in enumerate(self.family.paths):
            inside = {
                neuron - int(self.starts[number]): value
                for neuron, value in held.items()
                if self.starts[number] <= neuron < self.starts[number + 1]
            }

            def change(z: torch.Tensor, inside: Mapping[int, float] = inside) -> torch.Tensor:
                z = z.clone()
                for unit, value in inside.items():
                    z[..., unit] = (1 - strength) * z[..., unit] + strength * value
                return z

            changes[path] = change
        with self.plain.holding(changes):
            return np.stack([self.plain.embeddings(t, self.family.stack) for t in texts.values()], axis=1)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def top1(queries: np.ndarray, candidates: np.ndarray) -> tuple[float, float]:
    """Share of queries whose nearest candidate is their translation, and the share too close to call in float32."""
    hits = close = 0
    for i, query in enumerate(queries):
        similarity = [cosine(query, candidate) for candidate in candidates]
        hits += int(np.argmax(similarity) == i)
        best, second = sorted(similarity, reverse=True)[:2]
        close += best - second < 1e-6
    return hits / len(queries), close / len(queries)


def check_pairs(result: Result, spaces: Mapping[str, list[np.ndarray]], codes: list[tuple[str, ...]]) -> None:
    """Compare every row of a result's pairs with plain loops over the slow spaces, (group) -> (n_languages, n, dim)."""
    assert len(result.pairs) == sum(len(group) * (len(group) - 1) for group in codes)
    for row in result.pairs.to_dict("records"):
        group = codes[row["group"]]
        for when in ("pre", "post"):
            space = spaces[when][row["group"]]
            query, candidate = space[group.index(row["query"])], space[group.index(row["candidate"])]
            assert row["n"] == len(query)
            expected, slack = top1(query, candidate)
            assert abs(row[f"top1_{when}"] - expected) <= slack + 1e-12
            expected, slack = top1(query - query.mean(axis=0), candidate - candidate.mean(axis=0))
            assert abs(row[f"centred_{when}"] - expected) <= slack + 1e-12
            distance = np.mean([1 - cosine(a, b) for a, b in zip(query, candidate, strict=True)])
            assert row[f"distance_{when}"] == pytest.approx(distance, abs=2e-6)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_numbers_equal_plain_loops(
    family: str, asked: Experiment, engine: Engine, tiny_folders: dict[str, Path], plain_models: Mapping[str, Plain]
) -> None:
    result = engine.run(replace(asked, model=str(tiny_folders[family]), layer=2))
    slow = Slow(plain_models[family], family)

    auroc, means = slow.scores("ja", ["en", "de", "es"])
    one_swap = 1 / (N_PROBE * 3 * N_PROBE)  # what two responses equal to float32 may do
    chosen = result.experts.neurons
    np.testing.assert_allclose(result.experts.scores, auroc[chosen], atol=1.001 * one_swap)
    assert np.delete(auroc, chosen).max() <= auroc[chosen].min() + 1.001 * one_swap
    assert len(set(chosen.tolist())) == K
    np.testing.assert_allclose(result.experts.values, means[chosen], rtol=1e-4, atol=1e-5)

    texts = {code: sentences(code, N_EVAL, N_PROBE) for code in LANGUAGES}
    pre = slow.space(texts, {}, 0.0)
    post = slow.space(texts, dict(zip(chosen.tolist(), means[chosen], strict=True)), asked.strength)
    check_pairs(result, {"pre": [pre[2]], "post": [post[2]]}, [LANGUAGES])

    for row in result.medoid.to_dict("records"):
        for when, space in (("pre", pre[2]), ("post", post[2])):
            flat = space.reshape(-1, space.shape[-1])
            unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
            middle = flat[(1 - unit @ unit.T).sum(axis=1).argmin()]
            own = space[LANGUAGES.index(row["language"])].mean(axis=0)
            assert row[when] == pytest.approx(1 - cosine(own, middle), abs=1e-5)

    assert result.layers["layer"].tolist() == list(range(N_LAYERS + 1))
    at = LANGUAGES.index("ja")
    for row in result.layers.to_dict("records"):
        for when, spaces in (("pre", pre), ("post", post)):
            space = spaces[int(row["layer"])]
            rates = [top1(space[at], space[c]) for c in range(len(LANGUAGES)) if c != at]
            assert abs(row[f"top1_{when}"] - np.mean([r for r, _ in rates])) <= np.mean([s for _, s in rates]) + 1e-12

    from_target = result.pairs[result.pairs["query"] == "ja"]
    assert result.target_top1.post == pytest.approx(from_target["top1_post"].mean())
    assert result.all_top1.pre == pytest.approx(result.pairs["top1_pre"].mean())
    assert result.target_distance.pre == pytest.approx(from_target["distance_pre"].mean())
    assert result.centred.pre == pytest.approx(from_target["centred_pre"].mean())
    best, change = result.best_layer
    assert change.pre == result.layers["top1_pre"].max()
    assert best == int(result.layers["layer"][result.layers["top1_pre"].argmax()])
    for plane in result.maps[0]:
        assert plane.shape == (len(LANGUAGES), N_EVAL, 2)
        assert np.isfinite(plane).all()


def test_pairs_are_evaluated_one_by_one_in_both_directions(
    asked: Experiment, engine: Engine, tmp_path: Path, plain_models: Mapping[str, Plain]
) -> None:
    folder = tmp_path / "tatoeba"
    folder.mkdir()
    groups = [("en", "de"), ("en", "es")]
    texts: list[dict[str, tuple[str, ...]]] = []
    for number, (code, published) in enumerate((("de", "deu"), ("es", "spa"))):
        texts.append({c: sentences(c, 6 + number, 20 + 10 * number) for c in ("en", code)})
        for language, extension in ((code, published), ("en", "eng")):
            lines = "".join(line + "\n" for line in texts[-1][language])
            (folder / f"tatoeba.{published}-eng.{extension}").write_text(lines, encoding="utf-8")
    result = engine.run(replace(asked, corpus=f"tatoeba:{folder}", probe_corpus=asked.corpus, target="en", layer=1))

    slow = Slow(plain_models["llama"], "llama")
    held = dict(zip(result.experts.neurons.tolist(), result.experts.values.tolist(), strict=True))
    spaces = {
        "pre": [slow.space(group, {}, 0.0)[1] for group in texts],
        "post": [slow.space(group, held, asked.strength)[1] for group in texts],
    }
    check_pairs(result, spaces, groups)
    ordered = [(row["query"], row["candidate"], row["n"]) for row in result.pairs.to_dict("records")]
    assert sorted(ordered) == [("de", "en", 6), ("en", "de", 6), ("en", "es", 7), ("es", "en", 7)]
    assert [pair[0].shape for pair in result.maps] == [(2, 6, 2), (2, 7, 2)]
    assert set(result.medoid["language"]) == {"en", "de", "es"}


def test_the_probe_rows_are_embedded_in_every_evaluation_language_that_the_probe_has(
    asked: Experiment, engine: Engine, tmp_path: Path, plain_models: Mapping[str, Plain]
) -> None:
    # ru is no probe language, but has probe rows; it has none in another probe corpus
    fewer = write_table(tmp_path / "fewer.tsv", N_PROBE, N_EVAL, ["ja", "de", "en", "es"])

    def probe_spaces(run: Run) -> tuple[Experts, tuple[str, ...], np.ndarray, np.ndarray]:
        experts, intervention = run.spaces()
        stages = run.probe_spaces({"before": None, "after": intervention})
        both = (stages.embeddings(0, space, 2) for space in (None, intervention))
        return experts, stages.plan.groups[0].languages, *both

    assert engine.answer_known(asked, probe_spaces) is None
    experts, languages, pre, post = engine.answer(asked, probe_spaces)
    assert languages == LANGUAGES
    assert engine.answer_known(asked, probe_spaces) is not None
    slow = Slow(plain_models["llama"], "llama")
    texts = {code: sentences(code, N_PROBE) for code in LANGUAGES}
    held = dict(zip(experts.neurons.tolist(), experts.values.tolist(), strict=True))
    np.testing.assert_allclose(pre, slow.space(texts, {}, 0.0)[2], atol=2e-5)
    np.testing.assert_allclose(post, slow.space(texts, held, asked.strength)[2], atol=2e-4)
    elsewhere = engine.answer(replace(asked, probe_corpus=fewer), probe_spaces)
    assert elsewhere[1] == tuple(code for code in LANGUAGES if code != "ru")


def test_the_random_control_puts_the_same_values_elsewhere(
    asked: Experiment, engine: Engine, plain_models: Mapping[str, Plain]
) -> None:
    usual, control = engine.run(asked), engine.run(replace(asked, control="random"))
    np.testing.assert_array_equal(control.experts.neurons, usual.experts.neurons)
    bound = plan(replace(asked, control="random"))
    drawn = Stages(bound, engine.store, lambda: engine.models.get(bound.resolved)).intervention(control.experts)
    assert len(set(drawn.neurons.tolist())) == K
    assert set(drawn.neurons.tolist()) != set(usual.experts.neurons.tolist())
    np.testing.assert_allclose(drawn.shift, usual.experts.values * asked.strength, rtol=1e-6)
    texts = {code: sentences(code, N_EVAL, N_PROBE) for code in LANGUAGES}
    slow = Slow(plain_models["llama"], "llama")
    held = dict(zip(drawn.neurons.tolist(), usual.experts.values.tolist(), strict=True))
    spaces = {"pre": [slow.space(texts, {}, 0)[-1]], "post": [slow.space(texts, held, asked.strength)[-1]]}
    check_pairs(control, spaces, [LANGUAGES])
    other = engine.run(replace(asked, control="random", seed=6))
    assert other.pairs["distance_post"].tolist() != control.pairs["distance_post"].tolist()
    assert other.pairs["distance_pre"].tolist() == control.pairs["distance_pre"].tolist()


def test_the_map_shows_each_sentence_in_its_place(asked: Experiment, engine: Engine) -> None:
    result = engine.run(replace(asked, layer=1))
    model = engine.models.get(result.plan.resolved)
    held = set_value(result.experts.neurons, result.experts.values, asked.strength)
    spaces = []
    for held_or_not in (None, held):
        space = np.empty((len(LANGUAGES), N_EVAL, model.hidden_size), dtype=np.float32)
        for language, code in enumerate(LANGUAGES):
            tokens = tokenise(model, sentences(code, N_EVAL, N_PROBE))
            for rows in rounds(N_EVAL):  # the last bits depend on what shares a batch, and the map on the last bits
                states = forward(model, tokens.select(rows), embeddings=True, intervention=held_or_not).embeddings
                assert states is not None
                space[language, rows] = states[1]
        spaces.append(space.reshape(-1, model.hidden_size))
    expected = held_umap(spaces[0], spaces[1:], seed=asked.seed)
    assert len(result.maps) == 1
    for found, plane in zip(result.maps[0], expected, strict=True):
        np.testing.assert_array_equal(found.reshape(-1, 2), plane)


@pytest.mark.parametrize("control", ["none", "random"])
def test_strength_0_changes_no_bit(asked: Experiment, engine: Engine, control: str) -> None:
    result = engine.run(replace(asked, strength=0.0, control=control))
    assert "embed_pre" in result.computed
    assert "embed_post" not in result.computed
    for table in (result.pairs, result.medoid, result.layers):
        for name in table.columns:
            if name.endswith("_pre") or name == "pre":
                assert table[name].tolist() == table[name.replace("pre", "post")].tolist()
