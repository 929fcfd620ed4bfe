"""Experts of several languages held together: which of them, and at what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.errors import SettingError
from core.neurons.experts import Expertise, Experts
from core.neurons.neuron_map import NeuronMap
from core.neurons.selection import EXPERT_SETS, Selection


def together(
    expertise: Expertise,
    chosen_by: Selection,
    neurons: NeuronMap,
    targets: Sequence[str],
    combine: str = "union",
    held_at: str = "own",
) -> Experts:
    """Choose the experts of several languages, each language's as for it alone, and put them together.

    Parameters
    ----------
    targets : sequence of str
        Languages of the expertise; the target first.
    combine, held_at : str
        Names in `core.neurons.selection.EXPERT_SETS` and ``HELD_AT``.

    Returns
    -------
    Experts
        By their best score for a language whose experts they are, best first; ties go to the lower index.

    Raises
    ------
    SettingError
        If none is left.
    """
    rows = [expertise.languages.index(code) for code in targets]
    by_language = [expertise.choose(chosen_by, code, neurons).neurons for code in targets]
    everyone = np.unique(np.concatenate(by_language))
    member = np.stack([np.isin(everyone, chosen) for chosen in by_language])
    kept = EXPERT_SETS[combine].keeps(member)
    if not kept.any():
        raise SettingError(
            f"{EXPERT_SETS[combine].about}: {', '.join(targets)}",
            "no neuron is left",
            "Ask for more experts, for other languages, or for --combine union.",
        )
    left, member = everyone[kept], member[:, kept]
    scores = np.where(member, expertise.scores[rows][:, left], -np.inf).max(axis=0)
    means = expertise.means[rows][:, left].astype(np.float64)
    counted = member if held_at == "own" else np.ones_like(member)
    values = (means * counted).sum(axis=0) / counted.sum(axis=0)
    order = np.argsort(-scores, kind="stable")
    return Experts(left[order].astype(np.int64), scores[order], values[order].astype(np.float32))
