"""Order and counting: sort, topk, unique, nonzero, searchsorted, histograms."""

from __future__ import annotations

import pytest
import torch

from .harness import check
from .indexing_cases import check_sizes

# No two equal elements along an axis: their order is torch's own affair.
X = torch.randperm(24).reshape(2, 3, 4)
REPEATED = torch.tensor([[3, 1, 1], [2, 1, 3], [3, 1, 1]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.int32, torch.float16, torch.uint8])
def test_sort_of_any_type(dtype: torch.dtype) -> None:
    check(torch.sort, X.to(dtype), 1, True)
    check(torch.topk, X.to(dtype), 2, -2, False)


def test_sort_is_stable() -> None:
    check(torch.sort, REPEATED, dim=1, stable=True)
    check(torch.argsort, REPEATED, dim=0, stable=True, descending=True)
    check(torch.sort, torch.rand(9) > 0.5, stable=True)


def test_order_with_symbolic_sizes() -> None:
    x, larger = torch.rand(3, 5), torch.rand(4, 9)
    check_sizes(lambda x: x.sort(), (x,), [(0, 1)], (larger,))
    check_sizes(lambda x: x.topk(x.shape[0]), (x,), [(0, 1)], (larger,))
    check_sizes(lambda x: x.median(1), (x,), [(0, 1)], (larger,))
    check_sizes(lambda x: x.kthvalue(2, 0, keepdim=True), (x,), [(0, 1)], (larger,))
    check_sizes(lambda x: x.median(), (x,), [(0, 1)], (larger,))


def test_order_statistics() -> None:
    check(torch.median, X.float())
    check(torch.median, X, 1, True)
    check(torch.kthvalue, X, 3, 1)
    check(torch.mode, REPEATED, 0)
    check(torch.mode, torch.tensor([2, 2, 1, 1, 3]))
    check(torch.median, torch.tensor(2.0), 0)


def test_unique() -> None:
    check(lambda x: torch.unique(x, return_inverse=True, return_counts=True), REPEATED)
    check(lambda x: torch.unique(x, return_inverse=True, return_counts=True, dim=0), REPEATED.float())
    check(lambda x: torch.unique_consecutive(x, return_inverse=True, return_counts=True), REPEATED)
    check(lambda x: torch.unique_consecutive(x, return_inverse=True, return_counts=True, dim=1), REPEATED)
    check_sizes(lambda x: torch.unique(x), (REPEATED,), [(0, 1)], (torch.randint(0, 4, (5, 7)),))
    check_sizes(lambda x: torch.unique_consecutive(x), (REPEATED,), [(0, 1)], (torch.randint(0, 2, (5, 7)),))


def test_nonzero() -> None:
    check(torch.nonzero, REPEATED > 1)
    check(torch.nonzero, torch.tensor(3.0))
    check(lambda x: torch.nonzero(x, as_tuple=True), REPEATED - 1)
    check(lambda x: torch.nonzero_static(x, size=4, fill_value=7), REPEATED > 2)
    check(lambda x: torch.nonzero_static(x, size=6, fill_value=7), REPEATED > 2)
    check_sizes(lambda x: torch.nonzero(x > 1), (REPEATED,), [(0, 1)], (torch.zeros(4, 5, dtype=torch.int64),))


@pytest.mark.parametrize("right", [False, True])
def test_search(right: bool) -> None:
    bounds = torch.tensor([[1.0, 2, 2, 5], [0, 3, 4, 4]])
    values = torch.tensor([[2.0, 6, 0], [4, -1, 3]])
    check(torch.searchsorted, bounds, values, right=right)
    check(torch.searchsorted, bounds[0], values, side="right" if right else "left", out_int32=True)
    check(torch.searchsorted, bounds[0], 2, right=right)
    check(torch.searchsorted, bounds.flip(1), values, sorter=torch.tensor([[3, 2, 1, 0]] * 2), right=right)
    check(torch.bucketize, values, bounds[0], right=right, out_int32=True)
    check(torch.bucketize, values.long(), bounds[0], right=right)


def test_counts() -> None:
    check(torch.bincount, torch.tensor([0, 3, 3, 1]), opsets=(14, 20))
    check(torch.bincount, torch.tensor([0, 3, 3, 1]), torch.rand(4), 6)
    check(torch.bincount, torch.tensor([], dtype=torch.int64), minlength=3)
    check(torch.histc, torch.tensor([0.0, 0.1, 1.9, 2.0, 2.1, -0.1, 1.0]), 4, 0, 2)
    check(torch.histc, torch.rand(3, 7), 5)
    check(torch.histc, torch.ones(4), 3)
    experts = torch.randint(0, 8, (40,)).float()
    check(torch.histc, experts, 8, 0, 7)
    check_sizes(lambda x: torch.histc(x, 8, 0, 7), (experts,), [(0,)], (torch.randint(0, 8, (77,)).float(),))
    check_sizes(lambda x: torch.bincount(x, minlength=4), (torch.tensor([0, 1, 7]),), [(0,)], (torch.tensor([2, 2]),))


def test_membership() -> None:
    check(torch.nn.functional.one_hot, torch.tensor([[0, 2], [1, 0]]), 4)
    check(torch.isin, REPEATED, torch.tensor([1, 7]))
    check(torch.isin, REPEATED, torch.tensor([], dtype=torch.int64), invert=True)
    check(torch.isin, REPEATED, 3)
    check(torch.isin, 3, REPEATED)
    check(torch.isin, REPEATED, torch.tensor([1.0, 2.5]))
