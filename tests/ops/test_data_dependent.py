"""Sizes and positions that are known at run time only: item(), nonzero(), masks."""

from __future__ import annotations

from typing import Any

import torch

from .harness import check


def size_of(n: torch.Tensor, most: int) -> Any:
    size = n.item()
    torch._check(size >= 0)
    torch._check(size <= most)
    return size


def test_slices_and_selections() -> None:
    def cut(x: torch.Tensor, n: torch.Tensor) -> tuple[torch.Tensor, ...]:
        size = size_of(n, 4)
        return x[:size], x[size:], x[size], x.narrow(0, size, 1)

    check(cut, torch.rand(5, 3), torch.tensor(2))


def test_splits() -> None:
    def split(x: torch.Tensor, sizes: torch.Tensor) -> tuple[torch.Tensor, ...]:
        first, second = sizes.tolist()
        torch._check(first >= 0)
        torch._check(second >= 0)
        torch._check(first + second == 5)
        return x.split([first, second])

    check(split, torch.rand(5, 3), torch.tensor([2, 3]))


def test_repeats() -> None:
    def repeat(x: torch.Tensor, n: torch.Tensor) -> tuple[torch.Tensor, ...]:
        size = size_of(n, 9)
        return x.repeat(size, 1), x.unsqueeze(0).expand(size, -1, -1), x.repeat_interleave(size, dim=0)

    check(repeat, torch.rand(2, 3), torch.tensor(2))


def test_found_positions() -> None:
    def use(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = torch.nonzero(x > 0.5).squeeze(1)
        picked = x[found]
        summed = torch.zeros(6).index_add(0, found, picked)
        return summed, found.view(-1, 1).expand(-1, 3), torch.cat([picked, x]), picked.unsqueeze(0).repeat(2, 1)

    check(use, torch.rand(6))


def test_rows_of_an_expert() -> None:
    def route(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        rows, _ = torch.where(mask)
        return torch.zeros_like(x).index_add_(0, rows, x[rows] * 2)

    check(route, torch.rand(4, 3), torch.rand(4, 2) > 0.5)
    check(route, torch.rand(4, 3), torch.zeros(4, 2, dtype=torch.bool))


def test_views_of_what_a_mask_picks() -> None:
    def view(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        picked = x[x[:, 0] > 0.5]
        return picked.view(-1, 2, 2).transpose(0, 1), picked.reshape(picked.shape[0] * 4), picked.flatten()

    check(view, torch.rand(6, 4))
    check(view, torch.zeros(6, 4))
