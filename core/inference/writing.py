"""What a model is asked to write: everything but the model and the intervention."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import SettingError

MOST_TOKENS, MOST_SAMPLES = 512, 256
TOKEN_SECONDS = 0.15
"""About how long a token takes on a laptop, for a model of a few hundred million parameters."""


@dataclass(frozen=True)
class Writing:
    """What is to be written: everything but the model and the intervention.

    Attributes
    ----------
    prompt : str
        Empty: the model starts from its first token (BOS).
    tokens, samples : int
        Most tokens of a text; number of texts.
    temperature, top_p : float
        As for `generate`.
    """

    prompt: str = ""
    tokens: int = 40
    samples: int = 1
    temperature: float = 1.0
    top_p: float = 0.9
    seed: int = 0

    def check(self) -> None:
        """Refuse what cannot be written, before any work; raises `SettingError`."""
        for name, count, most in (("tokens", self.tokens, MOST_TOKENS), ("samples", self.samples, MOST_SAMPLES)):
            if not 1 <= count <= most:
                raise SettingError(f"{count:,} {name}", f"it is not from 1 to {most}", f"Ask for 1 to {most}.")
        if not 0 <= self.temperature <= 10:
            raise SettingError(
                f"temperature {self.temperature:g}", "it is not from 0 to 10", "Use 1, or 0 for the likeliest tokens."
            )
        if not 0 < self.top_p <= 1:
            raise SettingError(f"top-p {self.top_p:g}", "it is a share above 0, up to 1", "Use 0.9, or 1 for no limit.")
        if not 0 <= self.seed < 1 << 32:
            raise SettingError(f"seed {self.seed}", "a seed is a 32-bit number", "Use one from 0 to 4294967295.")
