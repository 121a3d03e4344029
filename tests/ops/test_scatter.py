"""Writing elements: scatter, index_put, masked and view scatters, and where."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from .harness import check
from .indexing_cases import check_sizes

X = torch.arange(2 * 3 * 4).reshape(2, 3, 4).float()
MATRIX = torch.arange(12).reshape(3, 4).float()
ROW = torch.tensor([True, False, True])


def put(x: torch.Tensor, values: torch.Tensor, accumulate: bool, *entries: Any) -> torch.Tensor:
    """``x[entries] = values`` as one ``aten.index_put`` call; None stands for a whole axis."""
    return torch.ops.aten.index_put.default(x, list(entries), values, accumulate)


FIRST, SECOND = torch.tensor([0, 1, 0]), torch.tensor([3, -1, 3])
PUTS: dict[str, tuple[torch.Tensor, list[Any]]] = {
    "one": (torch.rand(3, 3, 4), [torch.tensor([1, -1, 0])]),
    "one, one value": (torch.rand(()), [torch.tensor([1, 0])]),
    "one inside": (torch.rand(2, 4), [None, torch.tensor([0, -1])]),
    "two": (torch.rand(3, 4), [FIRST, torch.tensor([2, 1, 0])]),
    "two apart": (torch.rand(3, 3), [FIRST, None, torch.tensor([3, 1, 0])]),
    "two apart, broadcast": (torch.rand(2, 1, 1), [torch.tensor([[0], [1]]), None, torch.tensor([3, 1])]),
    "two inside": (torch.rand(2, 2), [None, torch.tensor([0, -1]), torch.tensor([2, 1])]),
    "all": (torch.rand(2), [torch.tensor([0, 1]), torch.tensor([2, 1]), torch.tensor([3, 0])]),
    "mask, one value": (torch.rand(1), [None, ROW]),
    "mask, a slice": (torch.rand(4), [None, ROW]),
    "mask, values": (torch.rand(2, 2, 4), [None, ROW]),
    "mask of two axes, one value": (torch.rand(1, 4), [X[:, :, 0] > 5]),
    "mask of all axes": (torch.rand(int((X > 9).sum())), [X > 9]),
    "mask of all axes, one value": (torch.rand(()), [X > 9]),
    "mask of nothing": (torch.rand(0), [X > 99]),
    "mask and index": (torch.rand(2), [None, ROW, torch.tensor([3, 0])]),
    "mask and one index": (torch.rand(2, 2), [None, ROW, torch.tensor([3])]),
    "nothing": (torch.rand(0, 3, 4), [torch.zeros(0, dtype=torch.int64)]),
}


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("name", PUTS)
def test_index_put(name: str, accumulate: bool) -> None:
    values, entries = PUTS[name]
    check(put, X, values, accumulate, *entries, opsets=(14, 16, 20))


def test_index_put_adds_repeated() -> None:
    check(put, X, torch.rand(3, 3), True, FIRST, None, SECOND)
    check(put, X.long(), torch.ones(3, 4, dtype=torch.int64), True, FIRST, torch.tensor([1, 1, 1]))
    many = torch.zeros(50_000, dtype=torch.int64)
    check(put, torch.zeros(2, 3), torch.ones(50_000, 3), True, many, opsets=(20,))


def test_index_put_with_symbolic_sizes() -> None:
    larger = torch.rand(5, 7)
    check_sizes(
        lambda x, i, v: put(x, v, False, i),
        (MATRIX, torch.tensor([2, 0]), torch.rand(2, 4)),
        [(0, 1), (0,), (0, 1)],
        (larger, torch.tensor([3, -1, 1]), torch.rand(3, 7)),
    )
    check_sizes(
        lambda x, i, v: put(x, v, True, None, i),
        (MATRIX, torch.tensor([2, 2]), torch.rand(3, 2)),
        [(0, 1), (0,), (0, 1)],
        (larger, torch.tensor([6, 6, 1]), torch.rand(5, 3)),
    )
    check_sizes(
        lambda x, m: put(x, torch.zeros(()), False, m), (MATRIX, MATRIX > 3), [(0, 1), (0, 1)], (larger, larger > 0.5)
    )
    check_sizes(
        lambda x, m, v: put(x, v, False, m),
        (MATRIX, MATRIX > 3, torch.rand(8)),
        [(0, 1), (0, 1), (0,)],
        (larger, larger > 2, torch.rand(0)),
    )


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_scatter_reduce_a_part(reduce: str, include_self: bool, dtype: torch.dtype) -> None:
    index = torch.tensor([[0, 2, 2], [1, 1, 1]])
    x, src = (MATRIX - 5).to(dtype), (torch.arange(16).reshape(4, 4) - 7).to(dtype)
    check(torch.scatter_reduce, x, 1, index, src, reduce, include_self=include_self, opsets=(14, 16, 20))
    check(torch.scatter_reduce, x, 0, index, src, reduce, include_self=include_self, opsets=(14, 16, 20))


def test_scatter_with_symbolic_sizes() -> None:
    index, larger = torch.tensor([[0, 2], [1, 1]]), torch.tensor([[0, 2, 3], [1, 1, 4], [6, 6, 6]])
    inputs = (MATRIX, index, torch.rand(3, 5)), [(0, 1), (0, 1), (0, 1)], (torch.rand(5, 7), larger, torch.rand(4, 6))
    check_sizes(lambda x, i, s: x.scatter_add(1, i, s), *inputs)
    check_sizes(lambda x, i, s: x.scatter(1, i, s), *inputs)
    check_sizes(lambda x, i, s: x.scatter(1, i, 0.5), *inputs)
    check_sizes(lambda x, i, s: x.scatter_reduce(1, i, s, "amax", include_self=False), *inputs)


def test_scalars() -> None:
    zero, one = torch.tensor(0), torch.tensor(1.5)
    check(torch.scatter, torch.tensor(2.0), 0, zero, one)
    check(torch.scatter_add, torch.tensor(2.0), 0, zero, one)
    check(torch.index_add, torch.tensor(2.0), 0, zero, one)
    check(torch.index_copy, torch.tensor(2.0), 0, zero, one)
    check(torch.index_fill, torch.tensor(2.0), 0, zero, 7)
    check(torch.masked_scatter, torch.tensor(2.0), torch.tensor(True), torch.rand(3))


@pytest.mark.parametrize("axis", [0, 1])
def test_slices(axis: int) -> None:
    index = torch.tensor([2, 0, 2])
    source = torch.rand(3, 4) if axis == 0 else torch.rand(3, 3)
    check(torch.index_add, MATRIX, axis, index, source, alpha=2)
    check(torch.index_copy, MATRIX, axis, torch.tensor([2, 1, 0]), source)
    check(torch.index_fill, MATRIX, axis, torch.tensor([-1, 0]), 3)
    check(torch.index_fill, MATRIX, axis, torch.tensor([], dtype=torch.int64), 3)
    larger = torch.rand(6, 5), torch.tensor([4, 1, 1, 0]), torch.rand(4, 5) if axis == 0 else torch.rand(6, 4)
    inputs = (MATRIX, index, source), [(0, 1), (0,), (0, 1)], larger
    check_sizes(lambda x, i, s: x.index_add(axis, i, s), *inputs)
    check_sizes(lambda x, i, s: x.index_fill(axis, i, -1), *inputs)


def test_masked_scatter_with_symbolic_sizes() -> None:
    check(torch.masked_scatter, MATRIX, ROW[:, None], torch.rand(12))
    check(torch.masked_scatter, MATRIX, ROW.new_zeros(3, 4), torch.rand(0))
    check_sizes(
        lambda x, m, s: x.masked_scatter(m, s),
        (MATRIX, MATRIX > 4, torch.rand(9)),
        [(0, 1), (0, 1), (0,)],
        (torch.rand(5, 6), torch.rand(5, 6) > 0.5, torch.rand(40)),
    )


def test_where_promotes() -> None:
    condition = torch.tensor([True, False])
    check(torch.where, condition, torch.tensor([1, 2]), torch.tensor([0.5, 1.5]))
    check(torch.where, condition, 1.5, torch.tensor([3, 4]))
    check(torch.where, condition, torch.tensor([3, 4]), 2)
    check(torch.where, condition, 1, 0)
    check(torch.where, torch.tensor([[True, False], [True, True]]))


def test_view_scatters() -> None:
    scatter, aten = torch.rand(2, 4), torch.ops.aten
    check(torch.select_scatter, X, scatter, 1, -2)
    check(torch.select_scatter, X, torch.rand(3, 4), 0, 1)
    check(torch.select_scatter, X[:, :1], scatter, 1, 0)
    check(torch.slice_scatter, X, torch.rand(2, 2, 4), 1, 1)
    check(torch.slice_scatter, X, torch.rand(2, 1, 4), 1, -2, -1)
    check(torch.slice_scatter, X, torch.rand(2, 2, 4), 1, 0, 99, 2)
    check(torch.slice_scatter, X, torch.rand(1, 3, 4), 0, 1, None, 2)
    check(torch.slice_scatter, X, torch.rand(2, 0, 4), 1, 2, 1)
    check(torch.slice_scatter, X, torch.rand(2, 3, 4), 1)
    check(torch.diagonal_scatter, X, torch.rand(2, 3), 1, 1, 2)
    check(torch.diagonal_scatter, MATRIX, torch.rand(2), -1)
    check(aten.as_strided_scatter.default, MATRIX, torch.rand(2, 2), [2, 2], [5, 1], 1)
    check(aten.as_strided_scatter.default, MATRIX.clone().T, torch.rand(2, 2), [2, 2], [5, 1], 1)


def test_view_scatters_with_symbolic_sizes() -> None:
    larger = torch.rand(6, 7)
    check_sizes(
        lambda x, s: x.select_scatter(s, 1, -1), (MATRIX, torch.rand(3)), [(0, 1), (0,)], (larger, torch.rand(6))
    )
    check_sizes(
        lambda x, s: x.select_scatter(s, 0, 1), (MATRIX, torch.rand(4)), [(0, 1), (0,)], (larger, torch.rand(7))
    )
    check_sizes(lambda x: x.slice_scatter(x[:, :2] * 2, 1, -2), (MATRIX,), [(0, 1)], (larger,))
    check_sizes(lambda x: x.slice_scatter(x[:, 1:3] * 2, 1, 1, 3), (MATRIX,), [(0, 1)], (larger,))
    check_sizes(lambda x: x.slice_scatter(x[:, ::2] * 2, 1, 0, None, 2), (MATRIX,), [(0, 1)], (larger,))
    check_sizes(lambda x: x.diagonal_scatter(x[0, :1] * 2, x.shape[1] - 1) + 1, (MATRIX,), [(0,)], (torch.rand(9, 4),))
