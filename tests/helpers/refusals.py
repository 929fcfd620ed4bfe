"""A model's refusal, whole: what was asked, why it cannot be, what to do instead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.errors import ModelError


def refusal(work: Callable[[], object]) -> ModelError:
    """The error that the work ends in; all three of its parts say something."""
    with pytest.raises(ModelError) as caught:
        work()
    assert caught.value.what
    assert caught.value.why
    assert caught.value.instead
    return caught.value
