"""Constant parts of a program, which the exporter computes itself, against eager."""

from __future__ import annotations

import torch

from tests.ops.harness import check


def test_integer_powers() -> None:
    bases = torch.tensor([-1, -1, -1, 1, 2, -2, 0, 3, -2])
    exponents = torch.tensor([-1, -2, 3, -3, -1, -2, 0, 5, 63])
    for dtype in (torch.int64, torch.int32):
        check(lambda x, dtype=dtype: x + torch.pow(bases.to(dtype), exponents.to(dtype)), torch.zeros(9, dtype=dtype))
