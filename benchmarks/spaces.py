"""Retrieval and projection of embeddings against the libraries that are usually taken; what all measures take."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from sklearn.manifold import trustworthiness

from benchmarks.passes import intervention_of
from benchmarks.rows import Benchmark, Target, check, in_turns, peer
from benchmarks.setting import Setting
from core.corpora.load import load_corpus
from core.inference.batching import tokenise
from core.inference.forward import forward
from core.spaces import projection, retrieval
from core.spaces.measured_space import measured
from core.spaces.sentence_tables import SentenceTables
from core.spaces.space_measures import SPACE_MEASURES
from core.stats.units import counted

Measured = tuple[float, str]
LANGUAGES, SENTENCES, WIDTH = 22, 1012, 640
# Pairs of languages; the evaluator measures both directions of each.
SAMPLED = ((0, 1), (2, 9), (5, 21), (13, 7))
SEED, TRUST = 0, 0.01
ALLOWED = 20.0  # seconds that all measures of a result's spaces may take on two cores


def _space(languages: int = LANGUAGES, sentences: int = SENTENCES, seed: int = 0) -> np.ndarray:
    """Meanings, offset by language, with noise: neither all nor none is found."""
    rng = np.random.default_rng(seed)
    meaning = rng.standard_normal((1, sentences, WIDTH), dtype=np.float32)
    language = rng.standard_normal((languages, 1, WIDTH), dtype=np.float32)
    noise = rng.standard_normal((languages, sentences, WIDTH), dtype=np.float32)
    return np.asarray(meaning + 2 * language + 3.5 * noise, dtype=np.float32)


def _measures(languages: int, sentences: int, layers: int, probe_sentences: int) -> Callable[[Setting], Measured]:
    """Make what times all measures of a space at so many layers; embeddings are at hand, and nothing is stored."""

    def run(_: Setting) -> Measured:
        codes = tuple(map(str, range(languages)))
        # rows of one draw: the probe rows lie where the others do, as of one model
        rows = [_space(languages, probe_sentences + sentences, layer) for layer in range(layers)]
        by_layer = []
        for layer in rows:
            probe, space = layer[:, :probe_sentences], layer[:, probe_sentences:]
            start = time.perf_counter()
            found = measured([SentenceTables(space, codes, probe, codes)], SPACE_MEASURES)
            by_layer.append(time.perf_counter() - start)
            check(found.names == tuple(SPACE_MEASURES), f"measured {', '.join(found.names)}")
        seconds = sum(by_layer)
        return seconds / ALLOWED, (
            f"{seconds:.1f} s for {len(SPACE_MEASURES)} measures of {counted(layers, 'layer')} with their intervals, "
            f"a layer {min(by_layer):.2f} to {max(by_layer):.2f} s; language identification is fitted on "
            f"{probe_sentences} probe rows a language; {torch.get_num_threads()} threads, random embeddings"
        )

    return run


def _ready(embeddings: np.ndarray) -> Any:
    """A stand-in for the evaluator's model, which returns the given embeddings at no cost."""
    rows = {(language, row): torch.from_numpy(v) for language, e in enumerate(embeddings) for row, v in enumerate(e)}
    return SimpleNamespace(
        encode=lambda sentences, **_: [rows[sentence] for sentence in sentences],
        model_card_data=SimpleNamespace(set_evaluation_metrics=lambda *_, **__: None),
    )


def _retrieval(_: Setting) -> tuple[float, str]:
    evaluation = peer("sentence_transformers.sentence_transformer.evaluation", "sentence-transformers")
    embeddings = _space()
    model = _ready(embeddings)

    def pair_by_pair() -> dict[tuple[int, int], float]:
        accuracies = {}
        for query, candidate in SAMPLED:
            texts = [[(language, row) for row in range(SENTENCES)] for language in (query, candidate)]
            scores = evaluation.TranslationEvaluator(*texts, write_csv=False)(model)
            accuracies[query, candidate] = scores["src2trg_accuracy"]
            accuracies[candidate, query] = scores["trg2src_accuracy"]
        return accuracies

    times, results = in_turns({"ours": lambda: retrieval.top1(embeddings), "theirs": pair_by_pair}, 5)
    for pair, accuracy in results["theirs"].items():
        check(
            abs(results["ours"][pair] - accuracy) < 1e-9,
            f"pair {pair}: {results['ours'][pair]:.4f} against {accuracy:.4f}",
        )
    pairs = LANGUAGES * (LANGUAGES - 1)
    scale = pairs / (2 * len(SAMPLED))
    return times.ratio("theirs", "ours") * scale, (
        f"ours {times.median('ours'):.2f} s for all {pairs} ordered pairs; the evaluator {times.median('theirs'):.2f} "
        f"s for {2 * len(SAMPLED)} (both directions at a time), that is {times.median('theirs') * scale:.1f} s for "
        f"all; equal accuracies, mean {np.nanmean(results['ours']):.2f}"
    )


def _joint(setting: Setting) -> tuple[float, str]:
    """One fit of both spaces together, as of one space alone."""
    return _umap(setting, lambda pre, post: np.concatenate(projection.joint_umap(pre, post, seed=SEED)))


def _held(setting: Setting) -> tuple[float, str]:
    """What the pages draw: the space before by itself, then the space after beside it."""
    return _umap(setting, lambda pre, post: np.concatenate(projection.held_umap(pre, [post], seed=SEED)))


def _umap(setting: Setting, ours: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> tuple[float, str]:
    import umap

    # The embedded corpus whatever else is given: twelve languages by 200, before and after, as the opening picture has.
    texts = load_corpus("embedded").evaluation[0].texts
    tokens = tokenise(setting.model, [sentence for sentences in texts.values() for sentence in sentences])
    spaces = []
    for intervention in (None, intervention_of(setting)):
        states = forward(setting.model, tokens, embeddings=True, intervention=intervention).embeddings
        assert states is not None
        spaces.append(states[-1])
    embeddings = np.concatenate(spaces)

    def shipped(**options: Any) -> np.ndarray:
        reducer = umap.UMAP(
            n_neighbors=projection.N_NEIGHBOURS,
            min_dist=projection.MIN_DIST,
            metric="cosine",
            random_state=SEED,
            **options,
        )
        return np.asarray(reducer.fit_transform(embeddings))

    times, results = in_turns(
        {
            "ours": lambda: ours(spaces[0], spaces[1]),
            "shipped": shipped,
            "fewer epochs": lambda: shipped(n_epochs=projection.N_EPOCHS),
        },
        3,
    )
    trust = {
        name: trustworthiness(embeddings, plane, metric="cosine", n_neighbors=15) for name, plane in results.items()
    }
    check(trust["ours"] >= trust["shipped"] - TRUST, f"trustworthiness {trust['ours']:.3f}, {trust['shipped']:.3f}")
    return times.ratio("shipped", "ours"), (
        f"ours {times.median('ours'):.2f} s, umap-learn {times.median('shipped'):.2f} s, both compiled before "
        f"({times.spread('shipped', 'ours')}); with our {projection.N_EPOCHS} epochs it takes "
        f"{times.median('fewer epochs'):.2f} s; {embeddings.shape[0]:,} x {embeddings.shape[1]} embeddings of the "
        "embedded corpus; "
        f"trustworthiness {trust['ours']:.3f} and {trust['shipped']:.3f}"
    )


BENCHMARKS = (
    Benchmark(
        "retrieval-pairs",
        f"top-1 of all {LANGUAGES * (LANGUAGES - 1)} ordered pairs, {LANGUAGES} x {SENTENCES:,} x {WIDTH}",
        "sentence-transformers' TranslationEvaluator, pair by pair",
        Target("at least", 10),
        _retrieval,
    ),
    Benchmark(
        "joint-umap",
        "joint UMAP of 4,800 x 640 embeddings",
        "umap-learn as shipped, seeded",
        Target("at least", 5),
        _joint,
    ),
    Benchmark(
        "map-layout",
        "a setting's map of 4,800 x 640 embeddings, the space before held",
        "umap-learn as shipped, seeded, of both spaces together",
        Target("at least", 1.5),
        _held,
    ),
    Benchmark(
        "space-measures",
        f"all measures of a space, 12 languages x 200 rows x {WIDTH}, at 19 layers",
        f"{ALLOWED:g} s on two cores",
        Target("at most", 1),
        _measures(languages=12, sentences=200, layers=19, probe_sentences=200),
    ),
    Benchmark(
        "space-measures-wide",
        f"all measures of a space, {LANGUAGES} languages x {SENTENCES:,} rows x {WIDTH}, at one layer",
        f"{ALLOWED:g} s on two cores",
        Target("at most", 1),
        _measures(languages=LANGUAGES, sentences=SENTENCES, layers=1, probe_sentences=200),
    ),
)
