"""Tiny real models, tokenizers and corpora: what the tests of the core run on instead of downloads.

Every model is a randomly initialised one of a real architecture, saved with ``save_pretrained`` beside a real fast
tokenizer. Beside them stand the obvious slow ways to compute what the core computes: one sentence at a time, without
padding, on a model object of the test's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import nn
from transformers import (
    AutoTokenizer,
    BloomConfig,
    BloomForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

N_LAYERS = 3
HIDDEN = 32
INNER = 48

_PARTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str]] = {
    "en": (
        ("The dog", "A child", "My neighbour", "The old teacher", "That bird"),
        ("sleeps", "is singing", "looks for water", "goes home"),
        ("", " today", " in the small house by the river"),
        ".",
    ),
    "de": (
        ("Der Hund", "Ein Kind", "Mein Nachbar", "Die alte Lehrerin", "Jener Vogel"),
        ("schläft", "singt", "sucht Wasser", "geht nach Hause"),
        ("", " heute", " im kleinen Haus am Fluss"),
        ".",
    ),
    "es": (
        ("El perro", "Un niño", "Mi vecino", "La vieja maestra", "Aquel pájaro"),
        ("duerme", "canta", "busca agua", "vuelve a casa"),
        ("", " hoy", " en la casita junto al río"),
        ".",
    ),
    "ru": (
        ("Собака", "Ребёнок", "Мой сосед", "Старая учительница", "Та птица"),
        ("спит", "поёт", "ищет воду", "идёт домой"),
        ("", " сегодня", " в маленьком доме у реки"),
        ".",
    ),
    "ja": (
        ("犬は", "子供は", "隣の人は", "年老いた先生は", "あの鳥は"),
        ("眠る", "歌っている", "水を探す", "家に帰る"),
        ("", "、今日", "、川のそばの小さな家で"),
        "。",
    ),
}
LANGUAGES = tuple(_PARTS)


def sentences(language: str, n: int = 20, start: int = 0) -> tuple[str, ...]:
    """Sentences ``start`` to ``start + n`` (of 60) of a language; equal numbers mean the same in all languages."""
    subject, verb, where, stop = _PARTS[language]
    return tuple(
        subject[i % 5] + " " * (stop == ".") + verb[i % 4] + where[i % 3] + stop for i in range(start, start + n)
    )


def write_table(path: Path, n_probe: int = 8, n_eval: int = 6, languages: Sequence[str] = LANGUAGES) -> str:
    """Write a corpus table; give the spec that names it."""
    rows = [["split", *languages]]
    for i in range(n_probe + n_eval):
        rows.append(["probe" if i < n_probe else "evaluation", *(sentences(code, 1, i)[0] for code in languages)])
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return f"table:{path}"


def write_pairs(folder: Path) -> str:
    """Write a corpus of two language pairs, six rows of German and seven of Spanish; give the spec that names it."""
    folder.mkdir()
    for number, (code, published) in enumerate((("de", "deu"), ("es", "spa"))):
        for language, extension in ((code, published), ("en", "eng")):
            lines = "".join(line + "\n" for line in sentences(language, 6 + number, 20 + 10 * number))
            (folder / f"tatoeba.{published}-eng.{extension}").write_text(lines, encoding="utf-8")
    return f"tatoeba:{folder}"


def make_tokenizer(bos: bool, pad: bool = True, context: int = 64) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE on the sentences; it adds BOS to each if ``bos``."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text for code in LANGUAGES for text in sentences(code, 60)], trainer)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    extra = {"pad_token": "<pad>"} if pad else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", model_max_length=context, **extra
    )


def make_word_tokenizer(languages: Sequence[str], context: int = 64) -> PreTrainedTokenizerFast:
    """Make a tokenizer of whole words that knows those of the sentences in some languages; all else is ``<unk>``."""
    special = ["<pad>", "<s>", "</s>", "<unk>"]
    words = sorted({word for code in languages for text in sentences(code, 60) for word in text.split()})
    model = models.WordLevel({word: number for number, word in enumerate([*special, *words])}, unk_token="<unk>")
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=context, **names)


@dataclass(frozen=True)
class Family:
    """An architecture, and where its MLP maps are, written down by hand.

    Attributes
    ----------
    stack : str
        Path of the list of blocks inside the base model.
    sites : tuple of (str, int)
        Path inside a block and number of output units, in forward order.
    """

    make: Callable[[int], nn.Module]
    bos: bool
    pad: bool
    stack: str
    sites: tuple[tuple[str, int], ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of all sites from the base model, by layer."""
        return tuple(f"{self.stack}.{layer}.{name}" for layer in range(N_LAYERS) for name, _ in self.sites)


def _llama(vocabulary: int) -> nn.Module:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=HIDDEN,
            intermediate_size=INNER,
            num_hidden_layers=N_LAYERS,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=64,
            initializer_range=0.2,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def _gemma(vocabulary: int) -> nn.Module:
    return Gemma3ForCausalLM(
        Gemma3TextConfig(
            vocab_size=vocabulary,
            hidden_size=HIDDEN,
            intermediate_size=INNER,
            num_hidden_layers=N_LAYERS,
            num_attention_heads=4,
            num_key_value_heads=1,
            head_dim=8,
            sliding_window=8,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
            max_position_embeddings=64,
            initializer_range=0.2,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def _bloom(vocabulary: int) -> nn.Module:
    return BloomForCausalLM(
        BloomConfig(
            vocab_size=vocabulary,
            hidden_size=HIDDEN,
            n_layer=N_LAYERS,
            n_head=4,
            initializer_range=0.2,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def _gpt2(vocabulary: int) -> nn.Module:
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=vocabulary,
            n_positions=64,
            n_embd=HIDDEN,
            n_layer=N_LAYERS,
            n_head=4,
            initializer_range=0.2,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


_GATED = (("mlp.gate_proj", INNER), ("mlp.up_proj", INNER), ("mlp.down_proj", HIDDEN))
FAMILIES: Mapping[str, Family] = {
    "llama": Family(_llama, True, True, "layers", _GATED),
    "gemma3": Family(_gemma, True, True, "layers", _GATED),
    "bloom": Family(_bloom, False, True, "h", (("mlp.dense_h_to_4h", 4 * HIDDEN), ("mlp.dense_4h_to_h", HIDDEN))),
    "gpt2": Family(_gpt2, False, False, "h", (("mlp.c_fc", 4 * HIDDEN), ("mlp.c_proj", HIDDEN))),
}


def save_tiny(folder: Path, family: str, seed: int = 0, dtype: torch.dtype = torch.float32) -> Path:
    """Save a tiny model with its tokenizer; the same seed gives the same weights."""
    architecture = FAMILIES[family]
    tokenizer = make_tokenizer(architecture.bos, architecture.pad)
    torch.manual_seed(seed)
    lm = architecture.make(len(tokenizer)).to(dtype).eval()
    lm.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


# -- the obvious slow ways -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plain:
    """A model of the test's own, run one sentence at a time, without padding, with hooks of the test's own."""

    lm: nn.Module
    tokenizer: Any
    bos: bool

    @classmethod
    def read(cls, folder: Path, family: str) -> Plain:
        """Read what `save_tiny` wrote, by the architecture's class."""
        architecture = FAMILIES[family]
        lm = type(architecture.make(8)).from_pretrained(folder, dtype=torch.float32).eval()
        return cls(lm, AutoTokenizer.from_pretrained(folder), architecture.bos)

    def ids(self, sentence: str) -> torch.Tensor:
        """Token ids, (1, n_tokens)."""
        return torch.tensor([self.tokenizer(sentence)["input_ids"]])

    def responses(self, texts: Sequence[str], paths: Sequence[str], pooling: str) -> dict[str, np.ndarray]:
        """Pooled output of the modules at ``paths``: by path, (width, n_sentences)."""
        outputs: dict[str, list[np.ndarray]] = {path: [] for path in paths}
        output_by_path: dict[str, torch.Tensor] = {}
        handles = [
            self.lm.base_model.get_submodule(path).register_forward_hook(
                lambda _m, _a, output, path=path: output_by_path.__setitem__(path, output.detach().clone())
            )
            for path in paths
        ]
        for text in texts:
            with torch.no_grad():
                self.lm(input_ids=self.ids(text))
            for path in paths:
                counted = output_by_path[path].reshape(-1, output_by_path[path].shape[-1])[self.bos :].double()
                pooled = counted.mean(0) if pooling == "mean" else counted.max(0).values
                outputs[path].append(pooled.numpy())
        for handle in handles:
            handle.remove()
        return {path: np.stack(columns, axis=1) for path, columns in outputs.items()}

    def embeddings(self, texts: Sequence[str], stack: str) -> np.ndarray:
        """Mean hidden states, (n_layers + 1, n_sentences, hidden): what enters each block, and the final output."""
        entered: list[torch.Tensor] = []
        handles = [
            block.register_forward_pre_hook(
                lambda _m, args, kwargs: entered.append(args[0] if args else kwargs["hidden_states"]), with_kwargs=True
            )
            for block in self.lm.base_model.get_submodule(stack)
        ]
        rows = []
        for text in texts:
            entered.clear()
            with torch.no_grad():
                last = self.lm.base_model(input_ids=self.ids(text)).last_hidden_state
            rows.append([state[0, self.bos :].double().mean(0).numpy() for state in [*entered, last]])
        for handle in handles:
            handle.remove()
        return np.array(rows).transpose(1, 0, 2)

    @contextmanager
    def holding(self, changes: Mapping[str, Callable[[torch.Tensor], torch.Tensor]]) -> Iterator[None]:
        """Replace the output of the modules at the given paths by a function of it."""
        handles = [
            self.lm.base_model.get_submodule(path).register_forward_hook(lambda _m, _a, output, f=change: f(output))
            for path, change in changes.items()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
