"""What an export wrote: its form, how it compares with the hooks, where it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.export.comparison import Difference
from core.export.forms import Form
from core.stats.units import counted

GGUF = "model.gguf"
"""The file for llama.cpp in an exported folder."""


@dataclass(frozen=True)
class WrittenWeights:
    """What was written, and how it compares.

    Attributes
    ----------
    form : Form
    difference : Difference or None
        From the hooks, measured on what was written; None if it was not measured.
    made_by : str
        Class of transformers.
    patched : str
        Where a patch finds the unmodified model, in words; empty for a plain folder.
    licence : str
        Of the model, in words.
    gguf : Difference or None
        That of a GGUF file from the hooks; None if none was written.
    """

    form: Form
    difference: Difference | None
    made_by: str
    patched: str
    licence: str
    gguf: Difference | None = None


@dataclass(frozen=True)
class ExportedModel:
    """A model that was written.

    Attributes
    ----------
    folder : Path
    neurons : int
        How many are written to.
    written : WrittenWeights
    """

    folder: Path
    neurons: int
    written: WrittenWeights

    @property
    def difference(self) -> Difference:
        """How far what was written is from the hooks."""
        assert self.written.difference is not None  # it is measured on everything that is written to disk
        return self.written.difference

    def in_words(self) -> str:
        """What was written, and how far it is from the hooks."""
        kind = "A patch with its loader" if self.written.patched else "A model"
        also = f" As a GGUF file: {self.written.gguf.in_words()}" if self.written.gguf else ""
        return f"{kind}: {self.folder}, {counted(self.neurons, 'neuron')} written. {self.difference.in_words()}{also}"

    def __repr__(self) -> str:
        return f"ExportedModel({self.in_words()!r})"
