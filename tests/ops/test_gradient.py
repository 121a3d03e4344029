"""torch.gradient over even and uneven spacing."""

from __future__ import annotations

import torch

from .harness import check

X = torch.rand(4, 5)


def test_gradient() -> None:
    check(torch.gradient, X)
    check(torch.gradient, X, spacing=0.5, dim=1, edge_order=2)
    check(torch.gradient, X, spacing=[0.5, 2.0], edge_order=2)
    check(lambda x, a: torch.gradient(x, spacing=[a], dim=[1], edge_order=2), X, torch.tensor([0.0, 1, 1.5, 4, 5]))
