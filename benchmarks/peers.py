"""Capture of all MLP neurons and every layer's embeddings, as other libraries do it.

Each peer does the same job on a copy of the same model, as its documentation shows it: sentence by sentence, through
the causal language model with its head. Beside that, the detail gives its time on the product's own batches, and the
product's time sentence by sentence, so that the gain from batching can be told from the rest.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.passes import batches_of
from benchmarks.rows import Benchmark, Target, check, in_turns, peer
from benchmarks.setting import Setting
from core.inference.batching import Batch, TokenisedSentences, padded, tokenise
from core.inference.forward import forward
from core.models.loaded_model import LoadedModel
from core.neurons.neuron_map import Site

LANGUAGES, SENTENCES, ROUNDS = ("en", "ja", "de", "ru"), 12, 3
# Relative error of a whole array. Other shapes and another attention kernel round otherwise.
TOLERANCE = {torch.bfloat16: 0.02, torch.float16: 5e-3, torch.float32: 1e-4}

# Reads the outputs of every site and then of every hidden state for a batch, each (n, width, units).
Read = Callable[[Batch], Sequence[torch.Tensor]]


@dataclass(frozen=True)
class Pooled:
    """Mean over counted tokens: every site's ``(n_sentences, units)``, then every hidden state's."""

    arrays: list[np.ndarray]


def _pooled(read: Read, batches: Sequence[Batch]) -> Pooled:
    parts: list[list[np.ndarray]] = []
    for batch in batches:
        outputs = read(batch)
        parts.append([torch.einsum("bt,btw->bw", batch.weights, out.float()).numpy() for out in outputs])
    order = np.argsort(np.concatenate([batch.rows for batch in batches]))
    return Pooled([np.concatenate(part)[order] for part in zip(*parts, strict=True)])


def _ours(model: LoadedModel, tokens: TokenisedSentences) -> Pooled:
    result = forward(model, tokens, responses=True, embeddings=True)
    assert result.responses is not None
    assert result.embeddings is not None
    return Pooled([result.responses[site.path].T for site in model.neurons.sites] + list(result.embeddings))


def _one_by_one(model: LoadedModel, tokens: TokenisedSentences) -> Pooled:
    """The product's own pass, made to take one sentence at a time."""
    parts = [
        _ours(model, TokenisedSentences((ids,), (counted,), 0))
        for ids, counted in zip(tokens.ids, tokens.counted, strict=True)
    ]
    return Pooled([np.concatenate(group) for group in zip(*(part.arrays for part in parts), strict=True)])


def _check_equal(ours: Pooled, theirs: Pooled, tolerance: float) -> float:
    """Raise unless every array is the same within rounding; returns the largest relative error."""
    check(len(ours.arrays) == len(theirs.arrays), "the number of arrays differs")
    worst = 0.0
    for a, b in zip(ours.arrays, theirs.arrays, strict=True):
        check(a.shape == b.shape, f"shapes differ: {a.shape}, {b.shape}")
        wide = a.astype(np.float64)
        worst = max(worst, float(np.linalg.norm(wide - b) / np.linalg.norm(wide)))
    check(worst <= tolerance, f"the results differ by a relative {worst:.1e}, more than {tolerance:g}")
    return worst


def _compared(setting: Setting, name: str, make: Callable[[LoadedModel, Any], Read]) -> tuple[float, str]:
    model = setting.model
    tokens = tokenise(model, [text for code in LANGUAGES for text in setting.probe.texts[code][:SENTENCES]])
    lm = copy.deepcopy(model.lm)  # some peers leave hooks and wrappers behind
    read = make(model, lm)
    single = [padded(tokens, np.array([row]), model) for row in range(len(tokens.ids))]
    batches = batches_of(tokens, model)

    def head() -> None:
        with torch.inference_mode():
            for batch in single:
                model.lm(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False)

    times, results = in_turns(
        {
            "ours": lambda: _ours(model, tokens),
            name: lambda: _pooled(read, single),
            "ours one by one": lambda: _one_by_one(model, tokens),
            "batched": lambda: _pooled(read, batches),
            "nothing read": head,
        },
        ROUNDS,
    )
    worst = max(
        _check_equal(results["ours one by one"], results[name], TOLERANCE[model.dtype]),
        _check_equal(results["ours"], results["batched"], TOLERANCE[model.dtype]),
    )
    return times.ratio(name, "ours"), (
        f"{name} {times.median(name):.2f} s sentence by sentence, ours {times.median('ours'):.2f} s "
        f"({times.spread(name, 'ours')}). Batching is part of it: ours sentence by sentence "
        f"{times.median('ours one by one'):.2f} s (x{times.ratio(name, 'ours one by one'):.2f}), {name} on our batches "
        f"{times.median('batched'):.2f} s (x{times.ratio('batched', 'ours'):.2f}). Transformers alone, with the head, "
        f"sentence by sentence, nothing read: {times.median('nothing read'):.2f} s. {len(tokens.ids)} sentences of "
        f"{setting.source}, {tokens.n_tokens:,} tokens; largest relative error {worst:.1e}"
    )


def _nnsight_reader(model: LoadedModel, lm: Any) -> Read:
    nnsight = peer("nnsight", "nnsight")
    wrapped = nnsight.TransformersModel(lm, tokenizer=model.tokenizer, task="text-generation")
    sites, n_layers = model.neurons.sites, model.neurons.n_layers

    def read(batch: Batch) -> list[torch.Tensor]:
        outputs: dict[str, torch.Tensor] = {}
        inputs = {"input_ids": batch.ids, "attention_mask": batch.mask}
        with torch.no_grad():  # noqa: SIM117 - a trace begins on a line of its own
            with wrapped.trace(inputs):
                outputs["state 0"] = wrapped.model.embed_tokens.output
                for number, layer in enumerate(wrapped.model.layers):
                    outputs[f"{number} gate_proj"] = layer.mlp.gate_proj.output
                    outputs[f"{number} up_proj"] = layer.mlp.up_proj.output
                    outputs[f"{number} down_proj"] = layer.mlp.down_proj.output
                    outputs[f"state {number + 1}"] = layer.output
                outputs[f"state {n_layers}"] = wrapped.model.norm.output
        return [outputs[f"{site.layer} {site.name}"] for site in sites] + [
            outputs[f"state {number}"] for number in range(n_layers + 1)
        ]

    return read


# What TransformerLens calls the three maps of a gated MLP.
_LENS_NAMES = {"gate_proj": "gate", "up_proj": "in", "down_proj": "out"}


def _lens_reader(model: LoadedModel, lm: Any) -> Read:
    bridges = peer("transformer_lens.model_bridge", "transformer-lens")
    lm.config.architectures = [type(lm).__name__]  # by which TransformerLens recognises the model
    tokenizer = copy.copy(
        model.tokenizer
    )  # it reads these settings, or a tokenizer from a hub; texts come as token ids
    tokenizer.init_kwargs = {**tokenizer.init_kwargs, "name_or_path": "", "add_bos_token": True}
    bridge = bridges.TransformerBridge.boot_transformers(
        "google/gemma-3-270m", hf_model=lm, tokenizer=tokenizer, dtype=model.dtype
    )
    names = [f"blocks.{site.layer}.mlp.{_LENS_NAMES[site.name]}.hook_out" for site in model.neurons.sites]
    names += ["embed.hook_out", *(f"blocks.{n}.hook_out" for n in range(model.neurons.n_layers - 1))]
    names.append("ln_final.hook_out")
    hook_names = set(names)

    def read(batch: Batch) -> list[torch.Tensor]:
        with torch.no_grad():
            _, cache = bridge.run_with_cache(
                batch.ids, attention_mask=batch.mask, names_filter=lambda name: name in hook_names
            )
        return [cache[name] for name in names]

    return read


def _pyvene_path(site: Site) -> str:
    _, number, module = site.path.split(".", 2)
    return f"model.layers[{number}].{module}.output"


def _pyvene_reader(model: LoadedModel, lm: Any) -> Read:
    pyvene = peer("pyvene", "pyvene")
    paths = [_pyvene_path(site) for site in model.neurons.sites]
    paths += ["model.embed_tokens.output", *(f"model.layers[{n}].output" for n in range(model.neurons.n_layers - 1))]
    paths.append("model.norm.output")
    wrapped = pyvene.IntervenableModel(
        [{"component": path, "intervention": pyvene.CollectIntervention()} for path in paths], model=lm
    )

    def read(batch: Batch) -> list[torch.Tensor]:
        with torch.no_grad():
            (_, collected), _ = wrapped(
                base={"input_ids": batch.ids, "attention_mask": batch.mask},
                unit_locations={"base": list(range(batch.ids.shape[1]))},
            )
        return list(collected)

    return read


def _row(name: str, title: str, make: Callable[[LoadedModel, Any], Read]) -> Benchmark:
    return Benchmark(
        name,
        "capture of all MLP neurons, pooled, with every layer's embeddings",
        f"{title}, as its documentation shows",
        Target("at least", 1.5),
        lambda setting: _compared(setting, title, make),
    )


BENCHMARKS = (
    _row("capture-nnsight", "nnsight", _nnsight_reader),
    _row("capture-transformer-lens", "TransformerLens", _lens_reader),
    _row("capture-pyvene", "pyvene", _pyvene_reader),
)
