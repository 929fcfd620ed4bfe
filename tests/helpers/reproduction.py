"""The command that reproduces the paper, on a tiny model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.cli.main import main
from core.reproduction import published

LANGUAGES = ("en", "de", "es", "ru", "ja")
TARGETS = ("es", "ja")
N_PROBE, N_EVAL, K = 10, 12, 30


@dataclass(frozen=True)
class ReproductionCase:
    """A tiny model, its sentences, and the command that reproduces the paper on them."""

    model: Path
    corpus: str
    tatoeba: Path

    def run(self, out: Path, cache: Path, *extra: str) -> int:
        """Run the command; gives its exit status."""
        return main(
            [
                "reproduce",
                *("--model", str(self.model), "--dtype", "float32", "--device", "cpu", "--corpus", self.corpus),
                *("--targets", ",".join(TARGETS), "--experts", str(K), "--sweep", "5", "--texts", "3", "--seeds", "2"),
                *("--text-tokens", "5", "--perplexity-sentences", "4", "--tatoeba", str(self.tatoeba)),
                *("--seed", "3", "--out", str(out), "--cache", str(cache)),
                *extra,
            ]
        )


def distance_rows(post: float) -> pd.DataFrame:
    """A table of distances, mean over targets: over all pairs .8 before and ``post`` after, all others .8 and .5."""
    return pd.DataFrame(
        [
            {
                "target": "mean",
                "control": "none",
                "space": space,
                "distance": name,
                "value": value,
                **way,
            }
            for name in published.DISTANCE_NAMES
            for space, value in (("pre", 0.8), ("post", post if name == "all pairs" else 0.5))
            for way in ({"metric": "cosine", "layer": 2}, {"metric": "centred", "layer": 2})
        ]
    )
