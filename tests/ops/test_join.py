"""Joining, padding, repeating and rearranging."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from .harness import check
from .indexing_cases import check_sizes

X = torch.arange(2 * 3 * 4).reshape(2, 3, 4).float()
MATRIX = torch.arange(12).reshape(3, 4).float()


def test_cat() -> None:
    check(lambda a, b: torch.cat([a, b], -1), X, X[..., :1].long())
    check(lambda a, b: torch.cat([a, b]), X, torch.zeros(0))
    check(lambda a, b: torch.cat([a, b]), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    check(lambda a, b: torch.cat([a[:, :0], b[:, :0]], 1), X, X)
    check(lambda a: torch.cat([a], 1) + 1, X)
    check(lambda a, b: torch.stack([a, b], -1), torch.tensor(1.0), torch.tensor(2))
    check(lambda a, b: torch.stack([a, b], 1), X > 3, X > 5)
    check_sizes(
        lambda a, b: torch.cat([a, b, a], 1),
        (X, torch.rand(2, 2, 4)),
        [(0, 1), (0, 1)],
        (torch.rand(3, 5, 4), torch.rand(3, 7, 4)),
    )


@pytest.mark.parametrize("stack", [torch.hstack, torch.vstack, torch.dstack, torch.column_stack])
def test_stacks(stack: torch._C._VariableFunctions) -> None:
    check(lambda a, b: stack([a, b]), torch.tensor(1.0), torch.tensor(2.0))
    check(lambda a, b: stack([a, b]), torch.rand(3), torch.rand(3))
    check(lambda a, b: stack([a, b]), MATRIX, MATRIX)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("pad", [(1, 2), (0, 2, 1, 0), (-1, 2), (2, -1, -1, 1)])
def test_pad(mode: str, pad: tuple[int, ...]) -> None:
    check(lambda x: F.pad(x, pad, mode=mode), X)


def test_pad_of_other_types() -> None:
    check(lambda x: F.pad(x, (1, 1), value=2), X.long())
    check(lambda x: F.pad(x, (1, 1), value=True), X > 5)
    check(lambda x: F.pad(x, (0, 0, 0, 0)) + 1, X)
    check(lambda x: F.pad(x, (1, 0), value=float("-inf")), X.half())


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_pad_with_symbolic_sizes(mode: str) -> None:
    check_sizes(lambda x: F.pad(x, (1, 2), mode=mode), (torch.rand(2, 3, 4),), [(0, 2)], (torch.rand(3, 3, 7),))


def test_pad_to_a_multiple() -> None:
    check_sizes(lambda x: F.pad(x, (0, -x.shape[1] % 4)), (torch.rand(2, 5),), [(0, 1)], (torch.rand(3, 10),))


def test_repeat() -> None:
    check(lambda x: x.repeat(2, 1, 3, 1), X)
    check(lambda x: x.repeat(3, 2), torch.rand(1, 1))
    check(lambda x: x.repeat(2, 0), MATRIX)
    check(lambda x: x.repeat(2), torch.tensor(1.0))
    check(torch.tile, X, (2,))
    check(lambda x: x.repeat_interleave(3, 1), X)
    check(lambda x: x.repeat_interleave(2), X > 5)
    check(lambda x: x.repeat_interleave(1), X)
    check(lambda x: x[:, :1].repeat_interleave(2, 1), X)
    check(lambda x: x.repeat_interleave(torch.tensor([0, 2, 1]), 1), X)
    check(lambda x, n: x.repeat_interleave(n, 0), MATRIX, torch.tensor([0, 2, 1]))
    check(lambda x, n: x.repeat_interleave(n, 0, output_size=6), MATRIX, torch.tensor([2]))
    check(lambda n: torch.repeat_interleave(n), torch.tensor([1, 0, 3]))


def test_repeat_with_symbolic_sizes() -> None:
    larger = torch.rand(3, 5, 4)
    check_sizes(lambda x: x.repeat(2, 3, 1), (X,), [(0, 1)], (larger,))
    check_sizes(lambda x: x[:1].repeat(x.shape[0], 1, 1), (X,), [(0, 1)], (larger,))
    check_sizes(lambda x: x.repeat_interleave(2, 1), (X,), [(0, 1)], (larger,))
    check_sizes(lambda x: x.repeat_interleave(2), (X,), [(0, 1)], (larger,))
    check_sizes(
        lambda x, n: x.repeat_interleave(n, 1),
        (X, torch.tensor([1, 2, 0])),
        [(0, 1), (0,)],
        (larger, torch.tensor([3, 0, 0, 1, 1])),
    )


def test_roll_and_flip() -> None:
    check(torch.roll, X, 1)
    check(torch.roll, X, (-1, 5), (0, 2))
    check(torch.roll, X, (2, -2), (1, 1))
    check(torch.flip, X, (0, -1))
    check(torch.flip, torch.tensor(1.0), (0,))
    check(torch.flip, X > 5, ())
    for turns in range(-1, 4):
        check(torch.rot90, X, turns, (0, 2), opsets=(20,))
    check_sizes(lambda x: x.roll((1, -9), (0, 1)), (X,), [(0, 1)], (torch.rand(5, 4, 4),))
    check_sizes(lambda x: x.flip(1), (X,), [(0, 1)], (torch.rand(5, 4, 4),))


def test_grids() -> None:
    a, b = torch.tensor([1, 2, 3]), torch.tensor([4, 5])
    check(lambda a, b: torch.meshgrid(a, b, indexing="ij"), a, b)
    check(lambda a, b, c: torch.meshgrid(a, b, c, indexing="xy"), a, b, torch.tensor(7))
    check(torch.cartesian_prod, a, b)
    check(torch.cartesian_prod, a)
    check_sizes(
        lambda a, b: torch.meshgrid(a, b, indexing="xy"), (a, b), [(0,), (0,)], (torch.arange(5), torch.arange(4))
    )
    check_sizes(lambda a, b: torch.cartesian_prod(a, b), (a, b), [(0,), (0,)], (torch.arange(5), torch.arange(4)))


def test_blocks() -> None:
    check(torch.block_diag, MATRIX, torch.tensor(5), torch.rand(2), torch.rand(0, 2))
    check(torch.kron, MATRIX, torch.rand(2, 2))
    check(torch.kron, torch.rand(2), torch.rand(3, 1, 2))
    check_sizes(
        lambda a, b: torch.block_diag(a, b),
        (MATRIX, torch.rand(2, 2)),
        [(0,), (1,)],
        (torch.rand(5, 4), torch.rand(2, 6)),
    )


@pytest.mark.parametrize("side", ["right", "left"])
def test_sequences_of_several_lengths(side: str) -> None:
    for batch_first in (True, False):
        options = {"batch_first": batch_first, "padding_value": -2.5, "padding_side": side}

        def program(a: torch.Tensor, b: torch.Tensor, options: dict[str, Any] = options) -> torch.Tensor:
            return nn.utils.rnn.pad_sequence([a, b, a[:0]], **options)

        check(program, torch.rand(2, 4), torch.rand(5, 4))
        check(program, torch.rand(3), torch.rand(3))

    def chosen(a: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return nn.utils.rnn.pad_sequence([a[mask], a, a[~mask]], padding_side=side)

    check(chosen, torch.rand(5, 2), torch.tensor([True, False, True, True, False]))
