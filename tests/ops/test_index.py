"""Reading elements: index, gather, take, embedding, and views by index."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from .harness import check
from .indexing_cases import check_sizes

X = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5).float()
MATRIX = torch.arange(12).reshape(3, 4)
ROW = torch.tensor([True, False, True])


def index(x: torch.Tensor, *entries: Any) -> torch.Tensor:
    """``x[entries]`` as one ``aten.index.Tensor`` call; None stands for a whole axis."""
    return torch.ops.aten.index.Tensor(x, list(entries))


INDICES = {
    "one": [torch.tensor([1, 0, -1])],
    "one of rank 2": [None, torch.tensor([[2, 0], [1, -1]])],
    "one of rank 0": [torch.tensor(1)],
    "last axis": [None, None, None, torch.tensor([4, -5])],
    "int32": [torch.tensor([1, 0], dtype=torch.int32)],
    "two neighbours": [torch.tensor([0, 1]), torch.tensor([2, -1])],
    "two neighbours inside": [None, torch.tensor([0, 2]), torch.tensor([-1, 1])],
    "two apart": [torch.tensor([0, 1]), None, torch.tensor([3, -4])],
    "two apart, broadcast": [torch.tensor([[0], [1]]), None, torch.tensor([3, 0, 1])],
    "three apart": [torch.tensor([0, 1]), torch.tensor([2, 2]), None, torch.tensor([4, 0])],
    "grid": [torch.tensor([[1], [0]]), torch.tensor([[2, 0, 1, -1]])],
    "grid inside": [None, torch.tensor([[[2]], [[0]]]), torch.tensor([3, 1])],
    "grid in reverse": [torch.tensor([[0, 1, 1]]), torch.tensor([[2], [0]])],
    "grid of everything": [torch.arange(2)[:, None], torch.arange(3)],
    "one that does not vary": [torch.tensor([[1]]), torch.tensor([[2, 0], [1, 1]])],
    "all axes": [torch.tensor([0, 1]), torch.tensor([1, 2]), torch.tensor([3, 0]), torch.tensor([4, 4])],
    "none picked": [torch.zeros(0, dtype=torch.int64)],
    "none picked of two": [torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)],
    "mask": [torch.tensor([True, False])],
    "mask inside": [None, ROW],
    "mask of two axes": [torch.tensor([[True, False, True], [False, False, True]])],
    "mask of two axes inside": [None, torch.rand(3, 4) > 0.5],
    "mask of all axes": [X > 50],
    "mask of nothing": [X > 1000],
}


@pytest.mark.parametrize("name", INDICES)
def test_index(name: str) -> None:
    check(index, X, *INDICES[name])


@pytest.mark.parametrize("name", ["two apart", "grid", "mask of two axes"])
def test_constant_indices(name: str) -> None:
    entries = INDICES[name]
    check(lambda x: index(x, *entries), X, opsets=(20,))


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.float16, torch.uint8])
def test_index_of_any_type(dtype: torch.dtype) -> None:
    check(index, (X % 2).to(dtype), torch.tensor([0, 1]), None, torch.tensor([3, -4]), opsets=(20,))


def test_index_with_symbolic_sizes() -> None:
    rows, columns = torch.tensor([0, 1, 0]), torch.tensor([3, 0, 1])
    larger = (torch.rand(5, 3, 6, 5), torch.tensor([4, 3, 2, 1]), torch.tensor([5, 5, 0, -6]))
    check_sizes(
        lambda x, i, j: index(x, i, None, j),
        (X[:, :, :, 0], rows, columns),
        [(0, 2), (0,), (0,)],
        (larger[0][..., 0], *larger[1:]),
    )
    check_sizes(lambda x, i, j: x[i[:, None], :, j], (X, rows, columns), [(0, 2, 3), (0,), (0,)], larger)
    check_sizes(
        lambda x, i, j: x[i[:, None], j],
        (MATRIX, rows, columns),
        [(0, 1), (0,), (0,)],
        (torch.arange(30).reshape(5, 6), *larger[1:]),
    )


def test_mask_with_symbolic_sizes() -> None:
    wide = torch.rand(5, 7)
    check_sizes(lambda x: x[x > 0.5], (torch.rand(3, 4),), [(0, 1)], (wide,))
    check_sizes(
        lambda x, m: x[m],
        (torch.rand(3, 4), ROW),
        [(0, 1), (0,)],
        (wide, torch.tensor([True, False, True, True, False])),
    )
    check_sizes(
        lambda x, m: x[:, m], (torch.rand(4, 3), ROW), [(0, 1), (0,)], (wide.T, torch.zeros(5, dtype=torch.bool))
    )


def test_index_of_everything_is_a_view() -> None:
    """transformers' mask functions index the padding mask with whole ranges."""

    def padding(mask: torch.Tensor) -> torch.Tensor:
        batch, width = mask.shape
        return mask[torch.arange(batch)[:, None, None, None], torch.arange(width)[None, None, None, :]]

    check(padding, torch.rand(2, 5) > 0.5, opsets=(20,))
    check_sizes(padding, (torch.rand(2, 5) > 0.5,), [(0, 1)], (torch.rand(4, 3) > 0.5,))


def test_gather_a_part() -> None:
    check(torch.gather, MATRIX, 1, torch.tensor([[0, 3], [2, 1]]))
    check(torch.gather, torch.tensor(3.0), 0, torch.tensor(0))
    check(torch.gather, torch.tensor(3.0), 0, torch.tensor([0, 0]))
    check(torch.gather, torch.rand(3), 0, torch.tensor(2))
    check_sizes(
        lambda x, i: x.gather(1, i),
        (torch.rand(3, 4), torch.zeros(3, 2, dtype=torch.int64)),
        [(0, 1), (0, 1)],
        (torch.rand(5, 6), torch.full((5, 7), 3)),
    )


def test_take_from_the_end() -> None:
    check(torch.take, MATRIX, torch.tensor([[-1, 0], [5, -12]]))
    check(torch.take_along_dim, MATRIX, torch.tensor([[0], [3], [1]]), 1)
    check(torch.take_along_dim, MATRIX, torch.tensor([[2, 1, 0, 0]]), 0)
    check(torch.take_along_dim, MATRIX, torch.tensor([[2, 1], [0, 11]]))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_embedding_bag_with_an_empty_bag(mode: str) -> None:
    bag = torch.nn.EmbeddingBag(7, 4, mode=mode, padding_idx=2, include_last_offset=True)
    offsets = torch.tensor([0, 2, 2, 5, 6])
    check(lambda i, o: bag(i, o), torch.tensor([1, 6, 2, 0, 3, 2]), offsets)
