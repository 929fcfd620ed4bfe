"""Which model: as it is asked for, as it is resolved to exact weights, and those that the picker offers."""

from __future__ import annotations

from dataclasses import dataclass

from core.models import embedded, placement

EMBEDDED = "embedded"


DTYPES = placement.DTYPES


@dataclass(frozen=True)
class ModelSpec:
    """Which model, as a person asks for it.

    Attributes
    ----------
    name : str
        ``embedded``, a Hugging Face id (``bigscience/bloom-560m``) or a local folder.
    revision : str, optional
        Branch, tag or commit on the hub.
    dtype : str
        ``auto`` or one of `DTYPES`. Auto is bfloat16 where the device computes it natively, else float32.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``; ``sharded`` spreads it over all GPUs and the memory.
    """

    name: str = EMBEDDED
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"


@dataclass(frozen=True)
class ResolvedModel:
    """Exactly which weights, on which device, in which precision: what a cached result depends on.

    Attributes
    ----------
    location : str
        Folder or hub id to load from; empty for the embedded model.
    revision : str
        Commit on the hub, or ``local``.
    digest : str
        SHA-256 of the weights' files, or the commit for a model from the hub (a commit names its contents).
    """

    name: str
    location: str
    revision: str
    digest: str
    dtype: str
    device: str

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
class Choice:
    """A model that the picker offers."""

    name: str
    title: str
    parameters: str
    note: str


CATALOGUE = (
    Choice(EMBEDDED, embedded.TITLE, "268M", "embedded"),
    Choice("CohereLabs/aya-23-8B", "Aya 23 8B", "8B", "in the paper; gated on the hub"),
    Choice("DAMO-NLP-MT/polylm-chat-13b", "PolyLM Chat 13B", "13B", "in the paper"),
    Choice("bigscience/bloom-7b1", "BLOOM 7B1", "7B", "in the paper"),
    Choice("bigscience/bloom-560m", "BLOOM 560M", "559M", "46 languages"),
    Choice("facebook/xglm-564M", "XGLM 564M", "564M", "30 languages"),
    Choice("Qwen/Qwen3-0.6B-Base", "Qwen3 0.6B (base)", "596M", "119 languages"),
    Choice("HuggingFaceTB/SmolLM3-3B-Base", "SmolLM3 3B (base)", "3B", "6 languages"),
    Choice("google/gemma-3-1b-pt", "Gemma 3 1B (base)", "1B", "140 languages; gated on the hub"),
)
