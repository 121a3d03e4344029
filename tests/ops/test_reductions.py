"""Reductions of what overflows on the way."""

from __future__ import annotations

import math

import pytest
import torch

from .harness import check

ROWS = torch.tensor(
    [[1e4, 1e4, -1e4], [math.inf, 0, 1], [-math.inf, -math.inf, -math.inf], [-math.inf, 2, 3], [math.nan, 0, 1]]
)


@pytest.mark.parametrize("keepdim", [False, True])
def test_logsumexp(keepdim: bool) -> None:
    check(torch.logsumexp, ROWS, dim=1, keepdim=keepdim, opsets=(14, 27, 28))
    check(torch.logsumexp, ROWS[:1].double(), dim=(0, 1), keepdim=keepdim, opsets=(28,))


def test_logcumsumexp() -> None:
    check(torch.logcumsumexp, ROWS[[0, 1, 3]], dim=1, opsets=(14, 27, 28))


@pytest.mark.parametrize("dtype", [torch.bool, torch.float32, torch.int64])
def test_truth_of_nothing(dtype: torch.dtype) -> None:
    nothing = torch.zeros(0, 3, dtype=dtype)
    check(lambda x: (x.any(), x.all(), x.any(0), x.all(0), x.any(1), x.all(1)), nothing, opsets=(14, 20))
