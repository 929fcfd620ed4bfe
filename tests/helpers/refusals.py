"""An error about a model, with all its parts: what was asked, why it cannot be done, what to do instead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.errors import ModelError


def refusal(work: Callable[[], object]) -> ModelError:
    """The error that ``work`` ends in; none of its three parts is empty."""
    with pytest.raises(ModelError) as caught:
        work()
    assert caught.value.what
    assert caught.value.why
    assert caught.value.instead
    return caught.value
