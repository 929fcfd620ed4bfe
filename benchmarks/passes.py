"""Forward passes: the cost of capture and intervention, of padding, and of a busy process on the same machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.rows import Benchmark, Target, Times, in_turns
from benchmarks.setting import Setting
from core import parallel
from core.inference.batching import Batch, TokenisedSentences, padded, plan_batches, tokenise
from core.inference.forward import TOKENS_A_BATCH, forward
from core.models.loaded_model import LoadedModel
from core.neurons.interventions import Intervention

LANGUAGES, SENTENCES, ROUNDS = ("en", "ja", "de"), 64, 5
EXPERTS = 2000
# The languages that the paper evaluates.
PAPER = (
    *("th", "cs", "de", "el", "en", "fr", "he", "hi", "id", "it", "ja"),
    *("ko", "nl", "fa", "pl", "pt", "ro", "ru", "es", "tr", "uk", "vi"),
)


def budget(model: LoadedModel) -> int:
    """Padded tokens that the product puts into a batch."""
    return TOKENS_A_BATCH.get(model.device.type, 512)


def batches_of(tokens: TokenisedSentences, model: LoadedModel) -> list[Batch]:
    """The batches in which the product passes a list of sentences."""
    return [padded(tokens, rows, model) for rows in plan_batches([len(ids) for ids in tokens.ids], budget(model))]


def bare(base: Callable[..., Any], batches: Sequence[Batch], streams_at_once: int) -> None:
    """Pass batches through a base model and keep nothing."""

    def work(batch: Batch) -> None:
        with torch.inference_mode():
            base(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False)

    for _ in parallel.side_by_side(work, batches, streams_at_once):
        pass


def _overhead(setting: Setting, name: str, work: Callable[[TokenisedSentences], object]) -> tuple[float, str]:
    """How much longer a pass takes than the bare one, one language after another as in the product."""
    model = setting.model
    at_once = parallel.count(model.device)
    times, count = Times({name: [], "bare": [], "plain": []}), 0
    for tokens in setting.tokens(LANGUAGES, SENTENCES):  # a round is one language: short, so that both sides share it
        batches = batches_of(tokens, model)
        sides: dict[str, Callable[[], Any]] = {
            name: partial(work, tokens),
            "bare": partial(bare, model.base, batches, at_once),
            "plain": partial(bare, model.base, batches, 1),
        }
        times += in_turns(sides, ROUNDS)[0]
        count += tokens.n_tokens * ROUNDS
    a_second = {side: f"{count / times.total(side):,.0f}" for side in times.seconds}
    return times.ratio(name, "bare"), (
        f"{a_second[name]} tokens a second with {name}, {a_second['bare']} bare, both {at_once} batches at once "
        f"({times.spread(name, 'bare')}); {a_second['plain']} bare, one batch after the other on all cores: against "
        f"that {times.ratio(name, 'plain'):.2f}; {len(LANGUAGES)} x {SENTENCES} sentences of {setting.source}, "
        f"{model.dtype}"
    )


def _capture(setting: Setting) -> tuple[float, str]:
    def work(tokens: TokenisedSentences) -> object:
        return forward(setting.model, tokens, responses=True, embeddings=True)

    return _overhead(setting, "capture", work)


def intervention_of(setting: Setting) -> Intervention:
    """As many neurons as the paper's, spread over all sites, held at their mean on some sentences."""
    model = setting.model
    responses = forward(model, setting.tokens(["ja"], 16)[0], responses=True).responses
    assert responses is not None
    means = np.concatenate([responses[site.path].astype(np.float32).mean(axis=1) for site in model.neurons.sites])
    neurons = np.sort(np.random.default_rng(0).choice(model.neurons.total, EXPERTS, replace=False))
    return Intervention(neurons, scale=np.zeros(EXPERTS, np.float32), shift=means[neurons])


def _intervention(setting: Setting) -> tuple[float, str]:
    intervention = intervention_of(setting)

    def work(tokens: TokenisedSentences) -> object:
        return forward(setting.model, tokens, embeddings=True, intervention=intervention)

    return _overhead(setting, "intervention", work)


def _padding(setting: Setting) -> tuple[float, str]:
    model = setting.model
    languages = PAPER if setting.flores else setting.evaluation.languages
    n_real = n_padded = n_in_order = 0
    for code in languages:
        lengths = np.array([len(ids) for ids in tokenise(model, setting.evaluation.texts[code]).ids])
        n_real += int(lengths.sum())
        batches = plan_batches(lengths.tolist(), budget(model))
        n_padded += sum(len(rows) * int(lengths[rows].max()) for rows in batches)
        in_order = [lengths[start : start + 16] for start in range(0, len(lengths), 16)]
        n_in_order += sum(len(batch) * int(batch.max()) for batch in in_order)
    return n_real / n_padded, (
        f"{n_real:,} tokens in {n_padded:,} padded ones; batches of 16 sentences in their order: "
        f"{n_real / n_in_order:.2f}; {len(languages)} languages x {len(setting.evaluation):,} sentences of "
        f"{setting.source}, at most {budget(model)} tokens a batch"
    )


@contextmanager
def busy_neighbour() -> Iterator[None]:
    """A second process that keeps one core busy."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _neighbour(setting: Setting) -> tuple[float, str]:
    tokens = setting.tokens(["en"], SENTENCES)[0]

    def quiet() -> None:
        forward(setting.model, tokens, responses=True, embeddings=True)

    def busy() -> None:
        with busy_neighbour():
            quiet()

    times, _ = in_turns({"quiet": quiet, "busy": busy}, ROUNDS)
    return times.ratio("quiet", "busy"), (
        f"{tokens.n_tokens / times.median('busy'):,.0f} tokens a second beside a busy process, "
        f"{tokens.n_tokens / times.median('quiet'):,.0f} without ({times.spread('quiet', 'busy')}); capture of "
        f"{SENTENCES} sentences of {setting.source}"
    )


BENCHMARKS = (
    Benchmark(
        "capture-overhead",
        "capture of all MLP neurons, pooled, with every layer's embeddings",
        "the bare base model on the same batches, as many at once",
        Target("at most", 1.10),
        _capture,
    ),
    Benchmark(
        "intervention-overhead",
        f"embeddings under an intervention on {EXPERTS:,} neurons",
        "the bare base model on the same batches, as many at once",
        Target("at most", 1.10),
        _intervention,
    ),
    Benchmark("padding", "real tokens", "padded tokens", Target("at least", 0.95), _padding),
    Benchmark(
        "busy-neighbour",
        "tokens a second with a second process busy on one core",
        "the quiet machine",
        Target("at least", 0.4),
        _neighbour,
    ),
)
