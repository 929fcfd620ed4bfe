"""Which form each kind of model gives, from its modules as transformers makes them: what the documentation lists."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from core.export.forms import Form, form_of
from core.models import architectures
from core.models.weight_patch import UnitChange
from core.neurons.sites import find_neurons

KINDS: Mapping[str, tuple[str, bool]] = {
    "bloom": ("BLOOM", True),
    "gpt2": ("GPT-2 (and PolyLM)", True),
    "gpt_neox": ("GPT-NeoX, Pythia", True),
    "opt": ("OPT", False),
    "xglm": ("XGLM", False),
    "bert": ("BERT", True),
    "xlm-roberta": ("XLM-R", True),
    "mbart": ("BART, mBART", False),
    "m2m_100": ("NLLB", False),
    "llama": ("Llama", True),
    "granite": ("Granite", True),
    "smollm3": ("SmolLM3", False),
    "falcon": ("Falcon", False),
    "gemma2": ("Gemma 2", False),
    "gemma3_text": ("Gemma 3", False),
    "qwen3": ("Qwen 3", False),
    "cohere": ("Cohere, Aya", False),
    "mistral": ("Mistral", False),
    "phi3": ("Phi-3", False),
    "mt5": ("mT5", False),
}
"""Kinds of config: a title, and whether llama.cpp's converter and loader take biases of that kind's MLP."""


def shifted(kind: str) -> Form:
    """The form that a shift of every MLP neuron has in a kind of model, such as ``llama``, of two layers."""
    from transformers import AutoConfig

    recipe = architectures.recipe(kind, AutoConfig.for_model(kind, num_hidden_layers=2, encoder_layers=2))
    made = architectures.skeleton(kind, recipe)
    one, unit = torch.ones(1), torch.zeros(1, dtype=torch.int64)
    sites = find_neurons(made.base, made.n_layers).sites
    return form_of(kind, recipe, [UnitChange(site.path, unit, one, one) for site in sites])
