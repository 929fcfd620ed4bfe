"""One global index over a model's neurons, counted by layer, site and unit.

A *site* is a module inside a block whose output units are neurons. `core.neurons.sites` finds a model's sites.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.errors import SettingError


@dataclass(frozen=True)
class Site:
    """A module of a block whose output units are neurons.

    Attributes
    ----------
    layer : int
        The block it is in, from 0.
    name : str
        Its name inside the block: ``gate_proj``, ``fc1``, ``self_attn.o_proj``, ...; ``block`` for the block itself.
    path : str
        Its path from the base model: ``layers.3.mlp.gate_proj``.
    width : int
        Its number of output units.
    start : int
        Global index of its first unit.
    kind : {"mlp", "attention", "residual"}
        ``mlp``: a linear map of the MLP, or all experts of a layer together. ``attention``: the output map of the
        attention. ``residual``: the block, whose output is the hidden state after it.
    """

    layer: int
    name: str
    path: str
    width: int
    start: int
    kind: str = "mlp"

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
        site_numbers = np.searchsorted(self._starts, neurons, side="right") - 1
        for number in np.unique(site_numbers):
            positions = np.flatnonzero(site_numbers == number)
            site = self.sites[number]
            yield site, neurons[positions] - site.start, positions

    def named(self, neurons: np.ndarray) -> dict[str, np.ndarray]:
        """Name neurons: columns ``neuron, layer, site, unit``, one entry an index of ``neurons`` ``(k,)``."""
        neurons = np.asarray(neurons, dtype=np.int64)
        layer, unit = np.zeros_like(neurons), np.zeros_like(neurons)
        name = np.full(len(neurons), "", dtype=object)
        for site, units, positions in self.by_site(neurons):
            layer[positions], name[positions], unit[positions] = site.layer, site.name, units
        return {"neuron": neurons, "layer": layer, "site": name.astype(str), "unit": unit}
