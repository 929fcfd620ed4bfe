"""Pooling equals a sum in double precision, whatever the type and whatever stands in tokens that do not count."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.inference.pooling import weighted_mean


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 7, 33), (2, 40, 640)])
def test_a_weighted_mean_equals_double_precision(dtype: torch.dtype, shape: tuple[int, int, int]) -> None:
    torch.manual_seed(sum(shape))
    outputs = (torch.randn(shape) * 50).to(dtype)
    weights = torch.rand(shape[:2])
    weights[:, -1] = 1.0
    weights[torch.rand(shape[:2]) < 0.2] = 0.0
    expected = (outputs.double() * weights.double()[..., None]).sum(1).numpy()
    found = weighted_mean(outputs, weights)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_what_does_not_count_may_be_anything(dtype: torch.dtype) -> None:
    outputs = torch.ones((2, 4, 5), dtype=dtype)
    outputs[0, 2], outputs[1, 3] = torch.nan, torch.inf
    weights = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.25, 0.25, 0.5, 0.0]])
    assert (weighted_mean(outputs, weights) == 1).all()
    weights[0, 2] = 0.5
    assert not np.isfinite(weighted_mean(outputs, weights)[0]).any()


def test_outputs_that_do_not_lie_in_order() -> None:
    outputs = torch.arange(24, dtype=torch.float32).reshape(2, 4, 3).transpose(1, 2)
    weights = torch.full((2, 3), 1 / 3)
    np.testing.assert_allclose(weighted_mean(outputs, weights), outputs.mean(1).numpy(), rtol=1e-6)
