"""What a model's code raises in a pass, as a refusal in words."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from core.errors import ModelError, is_fault
from core.models.loaded_model import LoadedModel
from core.progress import Cancelled

log = logging.getLogger(__name__)

_FULL = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


def not_causal(what: str) -> ModelError:
    """The refusal of what only a model can do that predicts the next token."""
    return ModelError(what, "it is not a causal language model", "Use a decoder-only model.")


@contextmanager
def explained(deed: str, model: LoadedModel) -> Iterator[None]:
    """Turn whatever goes wrong inside into a `ModelError`; the log (level INFO) keeps the traceback.

    Refusals, a stop on request and the end of the process pass through. Code that callers hand in is none of the
    model's: call it outside.

    Parameters
    ----------
    deed : str
        What is done with the model, to stand before its name.
    """
    try:
        yield
    except BaseException as error:
        if not is_fault(error) or isinstance(error, Cancelled):
            raise
        what = f"{deed} {model.name}"
        log.info("could not %s", what, exc_info=True)
        said = " ".join(str(error).split())[:400]
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in said.lower() for words in _FULL):
            raise ModelError(
                what,
                f"the memory of {model.device} is full",
                "Use a smaller model, a narrower --dtype, or a machine with more memory; what was finished is kept.",
            ) from error
        raise ModelError(
            what,
            f"it stopped with {type(error).__name__}" + (f": {said}" if said else ""),
            "Try --dtype float32 or --device cpu, or use another model; the log has the details.",
        ) from error
