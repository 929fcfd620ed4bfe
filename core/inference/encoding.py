"""How sentences are put to a model, and how its hidden states become their embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.models.sentence_pooling import SENTENCE_POOLINGS, SentenceEncoder


@dataclass(frozen=True)
class Encoding:
    """How sentences become tokens, and hidden states embeddings.

    Attributes
    ----------
    pooling : str
        A name in `core.models.sentence_pooling.SENTENCE_POOLINGS`.
    prompt : str
        What is put before every sentence.
    chat : bool
        Whether a sentence, with the prompt before it, is a user's message in the model's chat template.
    encoder : SentenceEncoder, optional
        What the model's folder says, where the pooling is ``folder``.
    """

    pooling: str = "mean"
    prompt: str = ""
    chat: bool = False
    encoder: SentenceEncoder | None = None

    @property
    def poolings(self) -> tuple[str, ...]:
        """How tokens are pooled; the vectors of several are put one behind the other."""
        return self.encoder.poolings if self.encoder else (self.pooling,)

    def width(self, hidden_size: int) -> int:
        """Numbers of an embedding, those of the widest layer; zeros fill what is narrower."""
        steps = self.encoder.steps if self.encoder else ()
        return max([hidden_size * len(self.poolings), *(step.width for step in steps)])

    @property
    def pools_special(self) -> bool:
        """Whether special tokens take part in an embedding."""
        return self.encoder is not None or self.pooling in ("cls", "last")

    @property
    def counts_prompt(self) -> bool:
        """Whether a prompt's tokens count as the sentence's."""
        return self.encoder is None or self.encoder.counts_prompt

    def __str__(self) -> str:
        parts = [str(self.encoder) if self.encoder else SENTENCE_POOLINGS[self.pooling].title]
        parts += [f"behind the prompt {self.prompt!r}"] if self.prompt else []
        parts += ["in the chat template"] if self.chat else []
        return ", ".join(parts)

    @property
    def tokens_spec(self) -> dict[str, Any]:
        """What determines the tokens, for the store; nothing where sentences are put plainly."""
        spec: dict[str, Any] = {}
        if self.prompt:
            spec |= {"prompt": self.prompt, "counts_prompt": self.counts_prompt}
        if self.chat:
            spec["chat"] = True
        if self.encoder and self.encoder.max_length:
            spec["max_length"] = self.encoder.max_length
        if self.encoder and self.encoder.lower_case:
            spec["lower_case"] = True
        return spec

    @property
    def spec(self) -> dict[str, Any]:
        """What determines tokens and embeddings, for the store; nothing for the plain mean."""
        spec = self.tokens_spec
        if self.encoder:
            steps = [asdict(step) for step in self.encoder.steps]
            spec["sentence_pooling"] = {"poolings": list(self.poolings), "steps": steps}
        elif self.pooling != "mean":
            spec["sentence_pooling"] = self.pooling
        return spec

    def texts(self, sentences: Sequence[str]) -> list[str]:
        """The sentences as the model reads them, a chat's template aside."""
        texts = [self.prompt + sentence for sentence in sentences]
        return [text.lower() for text in texts] if self.encoder and self.encoder.lower_case else texts


PLAIN = Encoding()
"""Sentences as they are; the mean over their tokens, special ones left out."""
