"""The kinds of neurons, and how a neuron's outputs over a sentence's tokens become one response."""

from __future__ import annotations

from core.choices import Choice, by_name

NEURONS = by_name(
    Choice("mlp", "the MLP's linear maps", "outputs of the linear maps of the MLP", "MLP"),
    Choice("attention", "the attention", "outputs of the attention's output map"),
    Choice("residual", "the blocks (residual stream)", "outputs of the blocks themselves"),
)
"""Kinds of neurons, in the order of lists; their order within a block is that of `core.neurons.sites.KINDS`."""

POOLINGS = by_name(
    Choice("mean", "mean", "the mean output over a sentence's tokens"),
    Choice("max", "max", "the largest output over a sentence's tokens"),
)
"""How a neuron's outputs over the tokens of a sentence become its one response."""
