"""Where a model's MLP neurons are: one global index over (layer, site, unit).

A *site* is one linear map inside an MLP block; a *neuron* is one of its output units. Sites are found from the module
tree and the config alone, never from a model's name: the stack of blocks is the list of ``num_hidden_layers`` equal
modules, and whatever linear map in a block is not part of its attention belongs to its MLP.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from torch import nn

from core.errors import ModelError, SettingError

_ATTENTION = re.compile(r"attn|attention", re.IGNORECASE)


@dataclass(frozen=True)
class Site:
    """One linear map inside an MLP block.

    Attributes
    ----------
    layer : int
        The block it is in, from 0.
    name : str
        Its name inside the block: ``gate_proj``, ``fc1``, ``dense_h_to_4h``, ...
    path : str
        Its path from the base model: ``layers.3.mlp.gate_proj``.
    width : int
        Its number of output units.
    start : int
        Global index of its first unit.
    """

    layer: int
    name: str
    path: str
    width: int
    start: int

    @property
    def stop(self) -> int:
        """Global index after its last unit."""
        return self.start + self.width


@dataclass(frozen=True)
class NeuronMap:
    """All sites of a model, in forward order within a layer and by layer; the global index counts through them."""

    sites: tuple[Site, ...]

    @cached_property
    def total(self) -> int:
        """Number of neurons."""
        return self.sites[-1].stop

    @cached_property
    def n_layers(self) -> int:
        """Number of blocks."""
        return self.sites[-1].layer + 1

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.array([site.start for site in self.sites], dtype=np.int64)

    def by_site(self, neurons: np.ndarray) -> Iterator[tuple[Site, np.ndarray, np.ndarray]]:
        """Split global indices ``(k,)`` by site.

        Yields
        ------
        site : Site
        units : ndarray of int64, (m,)
            Units inside the site.
        positions : ndarray of int64, (m,)
            Where each stands in ``neurons``.

        Raises
        ------
        SettingError
            If an index is outside the model.
        """
        neurons = np.asarray(neurons, dtype=np.int64)
        outside = neurons[(neurons < 0) | (neurons >= self.total)]
        if outside.size:
            raise SettingError(
                f"neuron {outside[0]}",
                f"the model has {self.total:,} neurons, numbered from 0",
                f"Use numbers from 0 to {self.total - 1}.",
            )
        which = np.searchsorted(self._starts, neurons, side="right") - 1
        for number in np.unique(which):
            positions = np.flatnonzero(which == number)
            site = self.sites[number]
            yield site, neurons[positions] - site.start, positions

    def table(self, neurons: np.ndarray) -> pd.DataFrame:
        """Name neurons: one row an index of ``neurons`` ``(k,)``, columns ``neuron, layer, site, unit``."""
        frame = pd.DataFrame({"neuron": np.asarray(neurons, dtype=np.int64), "layer": 0, "site": "", "unit": 0})
        for site, units, positions in self.by_site(frame["neuron"].to_numpy()):
            frame.loc[positions, "layer"] = site.layer
            frame.loc[positions, "site"] = site.name
            frame.loc[positions, "unit"] = units
        return frame


def find_blocks(base: nn.Module, n_layers: int) -> tuple[str, nn.ModuleList]:
    """Find the stack of transformer blocks: the outermost list of ``n_layers`` modules that hold linear maps.

    Raises
    ------
    ModelError
        If there is none.
    """
    for path, module in base.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == n_layers and all(_linears(block) for block in module):
            return path, module
    lists = {path: len(m) for path, m in base.named_modules() if isinstance(m, nn.ModuleList)}
    raise ModelError(
        f"find the blocks of a {type(base).__name__}",
        f"none of its module lists ({lists or 'it has none'}) has the {n_layers} layers that its config names",
        "Use a decoder-only or encoder model whose blocks stand in one list (Llama, Gemma, BLOOM, GPT-2, ...).",
    )


def find_neurons(base: nn.Module, n_layers: int) -> NeuronMap:
    """Map the MLP neurons of a base model.

    Parameters
    ----------
    base : nn.Module
        The model without its language-modelling head; may live on the ``meta`` device.
    n_layers : int
        Number of blocks, from the config.

    Raises
    ------
    ModelError
        If a block has no linear map outside attention, mixes tokens by a convolution, or its experts are fused into
        one parameter.
    """
    stack, blocks = find_blocks(base, n_layers)
    sites: list[Site] = []
    start = 0
    for layer, block in enumerate(blocks):
        found = [(path, m) for path, m in _linears(block) if not _ATTENTION.search(path)]
        _refuse_unmapped(block, found)
        last = Counter(path.rsplit(".", 1)[-1] for path, _ in found)
        for path, module in found:
            short = path.rsplit(".", 1)[-1]
            width = _width(module)
            name = short if last[short] == 1 else path
            sites.append(Site(layer, name, f"{stack}.{layer}.{path}", width, start))
            start += width
    return NeuronMap(tuple(sites))


def _linears(block: nn.Module) -> list[tuple[str, nn.Module]]:
    """Linear maps of a block: ``nn.Linear`` and whatever behaves like one (``Conv1D``, quantised layers)."""
    return [(path, m) for path, m in block.named_modules() if _width(m) and not list(m.children())]


def _width(module: nn.Module) -> int:
    """Output units of a linear map; 0 if it is none."""
    if isinstance(module, nn.Linear):
        return int(module.out_features)
    # GPT-2's Conv1D names its outputs nf; 8- and 4-bit layers keep out_features without being nn.Linear.
    for name in ("nf", "out_features"):
        if isinstance(width := getattr(module, name, None), int):
            return width
    return 0


def _refuse_unmapped(block: nn.Module, found: list[tuple[str, nn.Module]]) -> None:
    mixing = [path for path, m in block.named_modules() if isinstance(m, nn.Conv1d) and not _ATTENTION.search(path)]
    if mixing:  # a state-space or convolutional mixer has linear maps too, which are no MLP's
        raise ModelError(
            f"find the MLP neurons of a {type(block).__name__}",
            f"it mixes tokens by a convolution ({mixing[0]}), so its linear maps are not all an MLP's",
            "Use a transformer with an MLP in each block (Llama, Gemma, BLOOM, GPT-2, ...).",
        )
    fused = [name for name, p in block.named_parameters() if p.dim() == 3 and not _ATTENTION.search(name)]
    if fused:
        raise ModelError(
            f"find the MLP neurons of a {type(block).__name__}",
            f"its experts are fused into one parameter ({fused[0]}), which no hook can read or write by neuron",
            "Use a dense model.",
        )
    if not found:
        raise ModelError(
            f"find the MLP neurons of a {type(block).__name__}",
            "it has no linear map outside its attention",
            "Use a model whose blocks hold an MLP of linear maps.",
        )
