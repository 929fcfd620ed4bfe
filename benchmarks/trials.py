"""Changes that could make a forward pass faster, tried one by one: ``python -m benchmarks trials`` writes TRIALS.md.

Each trial is timed in turns with the pass as it is, on the same sentences, and says how far its embeddings are from
those of the pass as it is: a change to the model's arithmetic must gain much to be worth it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from types import MethodType
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks import machine
from benchmarks.passes import LANGUAGES, SENTENCES, bare, budget
from benchmarks.rows import in_turns
from benchmarks.setting import Setting
from core import parallel
from core.inference.batching import Batch, TokenisedSentences, padded, plan_batches
from core.inference.pooling import weighted_mean
from core.models.loaded_model import LoadedModel

ROUNDS = 5
Called = Callable[..., Any]


@dataclass(frozen=True)
class Trial:
    """One thing to try.

    Attributes
    ----------
    change : callable
        From the base model, a context in which what it gives is called instead.
    budget : float
        Times the product's tokens a batch.
    """

    name: str
    change: Callable[[nn.Module], AbstractContextManager[Called]]
    budget: float = 1.0


@dataclass(frozen=True)
class Found:
    """Result of a trial: times as fast, seconds to prepare, and relative distance of the embeddings."""

    name: str
    ratio: float
    spread: str
    seconds: float
    apart: float

    def row(self, pace: float) -> str:
        """The row of the table; ``pace``: tokens a second of the pass as it is."""
        gained = (1 - 1 / self.ratio) / pace  # seconds a token
        worth = "never" if gained <= 0 else f"{self.seconds / gained:,.0f}" if self.seconds >= 1 else "at once"
        return f"| {self.name} | {self.ratio:.2f} | {self.spread} | {self.seconds:.1f} | {worth} | {self.apart:.1e} |"


@contextmanager
def as_it_is(base: nn.Module) -> Iterator[nn.Module]:
    """Nothing is changed in the model."""
    yield base


@contextmanager
def compiled(base: nn.Module) -> Iterator[Called]:
    """``torch.compile`` with shapes left open."""
    yield _compiled(base)


@cache
def _compiled(base: nn.Module) -> Called:
    return torch.compile(base, dynamic=True)


@contextmanager
def fused_norms(base: nn.Module, single: bool = True) -> Iterator[nn.Module]:
    """Root-mean-square norms as one operation, in single precision or, ``single`` off, in the model's own."""
    norms = [m for m in base.modules() if type(m).__name__.endswith("RMSNorm")]

    def forward(norm: Any, x: torch.Tensor) -> torch.Tensor:
        wide = x.float() if single else x
        scale = 1.0 + (norm.weight.float() if single else norm.weight)
        return nn.functional.rms_norm(wide, scale.shape, scale, norm.eps).type_as(x)

    for norm in norms:
        norm.forward = MethodType(forward, norm)
    try:
        yield base
    finally:
        for norm in norms:
            del norm.forward


@contextmanager
def attention(base: Any, kind: str) -> Iterator[nn.Module]:
    """Another implementation of the attention."""
    usual = base.config._attn_implementation  # transformers has a public setter only
    base.set_attn_implementation(kind)
    try:
        yield base
    finally:
        base.set_attn_implementation(usual)


TRIALS = (
    Trial("torch.compile, dynamic shapes", compiled),
    Trial("fused norms, single precision", fused_norms),
    Trial("fused norms, fewer casts", partial(fused_norms, single=False)),
    Trial("attention written out", partial(attention, kind="eager")),
    Trial("half the tokens a batch", as_it_is, budget=0.5),
    Trial("twice the tokens a batch", as_it_is, budget=2),
    Trial("four times the tokens a batch", as_it_is, budget=4),
)


def run(folder: Path, flores: str | None) -> int:
    """Try everything, and write a table into ``folder``."""
    setting = Setting(flores)
    facts = machine.facts("python -m benchmarks trials" + (" --flores DIR" if flores else ""))
    lists = setting.tokens(LANGUAGES, SENTENCES)
    rows, paces = [], []
    for trial in TRIALS:
        result, pace = _try(trial, setting.model, lists)
        rows.append(result)
        paces.append(pace)
        print(result.row(pace), flush=True)
    (folder / "TRIALS.md").write_text(_report(facts, setting, rows, paces), encoding="utf-8")
    return 0


def _try(trial: Trial, model: LoadedModel, lists: Sequence[TokenisedSentences]) -> tuple[Found, float]:
    at_once, threads = parallel.count(model.device), torch.get_num_threads()
    usual, tried = (_batches(lists, model, times) for times in (1.0, trial.budget))

    def pass_tried() -> None:
        with trial.change(model.base) as changed:
            bare(changed, tried, at_once)

    expected = _embeddings(model.base, usual)
    torch.set_num_threads(1)  # a stream's share, which compiled code keeps for good
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        with trial.change(model.base) as changed:
            embedded = _embeddings(changed, tried)
        seconds.append(time.perf_counter() - start)
    torch.set_num_threads(threads)
    times, _ = in_turns({"tried": pass_tried, "usual": partial(bare, model.base, usual, at_once)}, ROUNDS)
    result = Found(
        trial.name,
        times.ratio("usual", "tried"),
        times.spread("usual", "tried"),
        max(0.0, seconds[0] - seconds[1]),  # what the first pass took beyond a pass
        float(np.linalg.norm(embedded - expected) / np.linalg.norm(expected)),
    )
    return result, sum(tokens.n_tokens for tokens in lists) / times.median("usual")


def _batches(lists: Sequence[TokenisedSentences], model: LoadedModel, times: float) -> list[Batch]:
    """The batches of all lists, each made as the product does; rows count through all."""
    batches: list[Batch] = []
    start = 0
    for tokens in lists:
        planned = plan_batches([len(ids) for ids in tokens.ids], int(times * budget(model)))
        batches += [
            replace(batch, rows=batch.rows + start) for batch in (padded(tokens, rows, model) for rows in planned)
        ]
        start += len(tokens.ids)
    return batches


def _embeddings(model: Called, batches: Sequence[Batch]) -> np.ndarray:
    """The last layer's embeddings of all batches, ``(n_sentences, hidden)``."""
    parts = []
    for batch in batches:
        with torch.inference_mode():
            output = model(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False)
        parts.append(weighted_mean(output.last_hidden_state, batch.weights))
    order = np.argsort(np.concatenate([batch.rows for batch in batches]))
    return np.asarray(np.concatenate(parts)[order])


def _report(facts: dict[str, str], setting: Setting, rows: Sequence[Found], paces: Sequence[float]) -> str:
    lines = [
        "# Trials",
        "",
        f"Each against the bare pass as the product makes it ({ROUNDS} rounds in turns, the median of their ratios), "
        f"on {len(LANGUAGES)} x {SENTENCES} sentences of {setting.source}, {setting.model.dtype}, at most "
        f"{budget(setting.model)} tokens a batch. Taken into the product is what makes the first picture of a setting "
        "(some 130,000 tokens) a tenth faster, its preparation included, and is the model's own arithmetic.",
        "",
        machine.as_markdown(facts),
        "",
        "| tried | times as fast | in the rounds | seconds to prepare | pays after so many tokens | embeddings apart |",
        "|---|---|---|---|---|---|",
        *(row.row(pace) for row, pace in zip(rows, paces, strict=True)),
    ]
    return "\n".join(lines) + "\n"
