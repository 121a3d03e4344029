"""Distances of all pairs of rows."""

from __future__ import annotations

import pytest
import torch

from .harness import OPSETS, check


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, 3.5, float("inf")])
def test_pairs(p: float) -> None:
    check(torch.nn.functional.pdist, torch.randn(5, 3), p=p, opsets=(OPSETS[0], OPSETS[-1]))


def test_a_single_row_has_no_pair() -> None:
    check(torch.nn.functional.pdist, torch.randn(1, 3), opsets=(OPSETS[-1],))


def test_bits_in_place() -> None:
    def bits(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        z = x.clone()
        for name, other in (("and", y), ("or", 8), ("xor", 5), ("lshift", 2), ("rshift", 1)):
            operator = getattr(torch.ops.aten, f"__i{name}__")
            z[1:] = operator(z[1:].clone(), other if isinstance(other, int) else other[1:])
            operator(z, other)
        return z

    check(bits, torch.arange(6), torch.tensor([1, 2, 3, 6, 7, 5]), opsets=(OPSETS[-1],))
