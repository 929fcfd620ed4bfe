"""Sentences with their tokens coloured by a response, as HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

_BLUE, _ORANGE = "76,110,245", "240,140,0"  # above zero, and below it
_DARKEST = 0.6  # of a token's ground, so that text is read on it in both themes


def coloured(tokens: Sequence[str], responses: np.ndarray, full: float = 1.0) -> str:
    """HTML of a sentence whose tokens are coloured by a response; every text is escaped.

    Parameters
    ----------
    tokens : sequence of str, (n_tokens,)
    responses : ndarray of float, (n_tokens,)
    full : float
        The response whose colour is full; zero is clear. Blue is above zero, orange below.
    """
    spans = []
    for token, response in zip(tokens, responses.tolist(), strict=True):
        hue, depth = (_BLUE if response > 0 else _ORANGE), _DARKEST * min(abs(response) / max(full, 1e-12), 1.0)
        style = f"background:rgba({hue},{depth:.2f})"
        spans.append(f'<span style="{style}" title="{response:.3g}">{html.escape(token)}</span>')
    return f'<div class="ln-tokens" dir="auto">{"".join(spans)}</div>'
