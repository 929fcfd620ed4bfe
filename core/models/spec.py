"""Which model: as it is asked for, as it is resolved to exact weights, and those that the picker offers."""

from __future__ import annotations

from dataclasses import dataclass

from core.choices import Choice, by_name

EMBEDDED = "embedded"
E5 = "embedded:e5"

ALIASES = {"embedded:gemma": EMBEDDED}
"""Other names of the models that come with the product."""

DTYPES = by_name(
    Choice("float32", "32 bits"),
    Choice("bfloat16", "16 bits, the range of 32"),
    Choice("float16", "16 bits"),
    Choice("int8", "8 bits", "weights of linear maps packed by bitsandbytes, on CUDA devices only"),
    Choice("int4", "4 bits", "weights of linear maps packed by bitsandbytes, on CUDA devices only"),
)
"""Precisions that a model runs in."""


@dataclass(frozen=True)
class ModelSpec:
    """Which model, as a person asks for it.

    Attributes
    ----------
    name : str
        ``embedded``, ``embedded:e5``, a Hugging Face id (``bigscience/bloom-560m``), a local folder, or a file
        (``.gguf``, or the ``.safetensors`` of a folder).
    revision : str, optional
        Branch, tag or commit on the hub.
    dtype : str
        ``auto`` or one of `DTYPES`. Auto is bfloat16 where the device computes it natively, else float32.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``; ``sharded`` spreads it over all GPUs and the memory.
    adapter : str, optional
        Folder of an adapter (LoRA and similar ones) that is merged into the weights.
    """

    name: str = EMBEDDED
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    adapter: str | None = None


@dataclass(frozen=True)
class ResolvedModel:
    """Exactly which weights, on which device, in which precision: what a cached result depends on.

    Attributes
    ----------
    location : str
        Folder, GGUF file or hub id to load from; empty for an embedded model.
    revision : str
        Commit on the hub, or ``local``.
    digest : str
        SHA-256 of the files that determine its numbers, or the commit for a model from the hub (a commit names its
        contents); with an adapter, of both.
    patch : str
        Folder of an exported patch that is written into its weights; empty for none. The digest covers it.
    adapter : str
        Folder of the adapter; empty for none.
    encoder_folder : str
        Folder of the sentence encoder whose modules.json names ``location`` as that of its transformer; empty where
        both are one.
    """

    name: str
    location: str
    revision: str
    digest: str
    dtype: str
    device: str
    patch: str = ""
    adapter: str = ""
    encoder_folder: str = ""

    @property
    def identity(self) -> dict[str, str]:
        """What determines the numbers that the model gives: not by what name or path it was asked for."""
        return {
            "revision": self.revision,
            "digest": self.digest,
            "dtype": self.dtype,
            "device": self.device.split(":")[0],
        }


@dataclass(frozen=True)
class Offer:
    """A model that the picker offers.

    Attributes
    ----------
    name, title, parameters, note : str
        What it is asked for by, and to show.
    licence, licence_url, licensed : str
        Of a model that comes with the software; ``licensed`` is what the licence calls it.
    """

    name: str
    title: str
    parameters: str
    note: str
    licence: str = ""
    licence_url: str = ""
    licensed: str = ""


CATALOGUE = {
    offer.name: offer
    for offer in (
        Offer(
            EMBEDDED,
            "Gemma 3 270M",
            "268M",
            "embedded",
            "Gemma Terms of Use",
            "https://ai.google.dev/gemma/terms",
            "Gemma",
        ),
        Offer(
            E5,
            "Multilingual E5 small",
            "118M",
            "embedded; an encoder",
            "MIT licence",
            "https://huggingface.co/intfloat/multilingual-e5-small",
            "Multilingual E5 small",
        ),
        Offer("CohereLabs/aya-23-8B", "Aya 23 8B", "8B", "in the paper; gated on the hub"),
        Offer("DAMO-NLP-MT/polylm-chat-13b", "PolyLM Chat 13B", "13B", "in the paper"),
        Offer("bigscience/bloom-7b1", "BLOOM 7B1", "7B", "in the paper"),
        Offer("bigscience/bloom-560m", "BLOOM 560M", "559M", "46 languages"),
        Offer("facebook/xglm-564M", "XGLM 564M", "564M", "30 languages"),
        Offer("Qwen/Qwen3-0.6B-Base", "Qwen3 0.6B (base)", "596M", "119 languages"),
        Offer("HuggingFaceTB/SmolLM3-3B-Base", "SmolLM3 3B (base)", "3B", "6 languages"),
        Offer("google/gemma-3-1b-pt", "Gemma 3 1B (base)", "1B", "140 languages; gated on the hub"),
    )
}
"""Models that the picker offers, by name."""
