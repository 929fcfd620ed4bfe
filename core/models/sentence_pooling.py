"""How the hidden states of a sentence's tokens become one vector: the ways there are."""

from __future__ import annotations

from dataclasses import dataclass

from core.choices import Choice, by_name
from core.stats.units import listed

FOLDER, AUTO = "folder", "auto"

SENTENCE_POOLINGS = by_name(
    Choice("mean", "mean", "the mean over its tokens, special ones left out"),
    Choice("max", "max", "the largest value over its tokens, special ones left out"),
    Choice("weighted-mean", "weighted mean", "a mean in which the n-th token weighs n, special ones left out"),
    Choice("mean-sqrt-len", "mean times the root of the length", "their sum over the root of their number"),
    Choice("cls", "first token", "the first token, special or not"),
    Choice("last", "last token", "the last token, special or not"),
    Choice(FOLDER, "as the model's folder says", "what its modules.json lists, special tokens with the others"),
)
"""How the hidden states of a sentence's tokens become the sentence's embedding."""


@dataclass(frozen=True)
class Step:
    """One step after the pooling.

    Attributes
    ----------
    kind : {"Dense", "LayerNorm", "Normalize"}
    path : str
        Of its folder, from the model's.
    width : int
        Numbers of a vector after it; 0: as many as before it.
    activation : str
        Class of ``torch.nn`` after a linear map.
    residual : bool
        Whether what goes into a linear map is added to what comes out.
    """

    kind: str
    path: str = ""
    width: int = 0
    activation: str = "Identity"
    residual: bool = False


@dataclass(frozen=True)
class SentenceEncoder:
    """What a model's folder says of how it embeds sentences.

    Attributes
    ----------
    poolings : tuple of str
        Names in `SENTENCE_POOLINGS`; the vectors of several are put one behind the other.
    steps : tuple of Step
        After the pooling.
    counts_prompt : bool
        Whether the tokens of a prompt take part in the pooling.
    default_prompt : str
        The text that is put before every sentence where nobody names another; mostly empty.
    max_length : int or None
        Most tokens of a sentence.
    lower_case : bool
        Whether sentences are put into lower case.
    """

    poolings: tuple[str, ...] = ("mean",)
    steps: tuple[Step, ...] = ()
    counts_prompt: bool = True
    default_prompt: str = ""
    max_length: int | None = None
    lower_case: bool = False

    def __str__(self) -> str:
        parts = [listed(SENTENCE_POOLINGS[name].title for name in self.poolings) + " of all tokens"]
        names = {"Dense": "a linear map to {} numbers", "LayerNorm": "a layer norm", "Normalize": "unit length"}
        parts += [names[step.kind].format(step.width) for step in self.steps]
        return ", ".join(parts)
