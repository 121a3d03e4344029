"""In-place operations through views: one function a case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

CASES: dict[str, Callable[..., Any]] = {}


def case(function: Callable[..., Any]) -> Callable[..., Any]:
    CASES[function.__name__] = function
    return function


@case
def column_set(x: Tensor, y: Tensor) -> Any:
    x = x.clone()
    x[:, 0] = 1
    return x


@case
def relu_in_place(x: Tensor, y: Tensor) -> Any:
    return torch.relu_(x + y)


@case
def add_through_view(x: Tensor, y: Tensor) -> Any:
    z = x * 2
    z.view(4, 3).add_(1)
    return z


@case
def view_taken_before_write(x: Tensor, y: Tensor) -> Any:
    z = x * 2
    flat = z.view(-1)
    z.mul_(y)
    return flat, z


@case
def input_written(x: Tensor, y: Tensor) -> Any:
    x.add_(y)
    y[0].zero_()
    return x, y


@case
def split_pieces(x: Tensor, y: Tensor) -> Any:
    z = x + 1
    first, second = z.split(2, dim=1)
    first.sigmoid_()
    second.tanh_()
    return z, first * second


@case
def split_piece_after_base(x: Tensor, y: Tensor) -> Any:
    z = x + 1
    first, second = z.chunk(2, dim=1)
    z.mul_(2)
    first.add_(second)
    return z, first, second


@case
def uneven_pieces(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    a, b, c = z.tensor_split(3, dim=1)
    b.add_(10)
    d, e = z.split_with_sizes([1, 3], dim=1)
    e.mul_(y[:, 1:])
    return z, a, b, c, d


@case
def rows_of_unbind(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    rows = z.unbind(0)
    rows[1].mul_(3)
    rows[2].sub_(rows[0])
    return z, rows[1]


@case
def halves(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    left, right = torch.hsplit(z, 2)
    left.zero_()
    return z, right


@case
def diagonal(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z.diagonal().zero_()
    z.diagonal(1).add_(5)
    return z


@case
def transposed(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z.t()[1:].mul_(2)
    z.transpose(0, 1).add_(y.T)
    z.T[0] += 1
    return z


@case
def permuted(x: Tensor, y: Tensor) -> Any:
    z = (x * 1).view(3, 2, 2)
    z.permute(2, 0, 1)[0].fill_(4)
    z.movedim(0, 2).select(0, 1).neg_()
    return z


@case
def swapped_in_place(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    v = z.view(-1)
    z.t_()
    z[0].fill_(9)
    z.unsqueeze_(0).squeeze_()
    return z, v


@case
def chain_of_views(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z.view(2, 6)[1].view(2, 3).t()[::2, 0].add_(100)
    return z


@case
def slices_with_steps(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z[1:, ::2] *= 3
    z[:-1, 1::2] = y[:-1, :2]
    z[-1:, -3:-1] = 0
    return z


@case
def narrowed(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z.narrow(1, 1, 2).zero_()
    z.narrow(0, -2, 2).add_(1)
    return z


@case
def windows(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z.unfold(1, 2, 2).mul_(2)
    z.unfold(0, 1, 2).add_(1)
    return z


@case
def strided(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z.as_strided((2, 2), (4, 1), 1).fill_(7)
    z[1:].as_strided((3,), (5,), 0).neg_()
    return z


@case
def unflattened(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z.unflatten(1, (2, 2))[:, 0].zero_()
    z.flatten()[3:5].add_(1)
    return z


@case
def reshape_that_views(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z.reshape(4, 3).add_(1)
    return z


@case
def reshape_that_copies(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    copied = z.t().reshape(-1)
    copied.add_(1)
    return z, copied


@case
def contiguous_that_copies(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    copied = z.t().contiguous()
    copied.add_(1)
    return z, copied


@case
def contiguous_that_is_the_same(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z.contiguous().to(torch.float32).add_(1)
    return z


@case
def dropout_that_is_the_same(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    torch.nn.functional.dropout(z, 0.5, training=False).add_(1)
    return z


@case
def at_least_three(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    torch.atleast_3d(z).add_(1)
    return z


@case
def converted_is_a_copy(x: Tensor, y: Tensor) -> Any:
    z = x.to(torch.float64)
    z.add_(1)
    return x + 0, z


@case
def indexed(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z[z > 0] = 0
    z[[0, 1], [1, 1]] += 2
    z.index_put_((torch.tensor([0, 0]),), y[1], accumulate=True)
    return z


@case
def indexed_through_a_view(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z.t()[torch.tensor([0, 2])] = y.t()[:2]
    z[1].index_add_(0, torch.tensor([0, 0, 3]), y[2, :3])
    return z


@case
def scattered(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z.scatter_(0, torch.tensor([[0, 1, 2, 0]]), 5.0)
    z[:, 1:].scatter_add_(1, torch.tensor([[0, 0], [1, 2], [2, 2]]), y[:, :2])
    z.index_fill_(1, torch.tensor([3]), 2.0)
    z.index_copy_(0, torch.tensor([2]), y[:1])
    return z


@case
def masked(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z[1:].masked_fill_(y[1:] > 0, -1)
    z.masked_fill_(y < 0, torch.tensor(3.0))
    z.masked_scatter_(y > 0.5, y)
    return z


@case
def copied(x: Tensor, y: Tensor) -> Any:
    z = torch.zeros(3, 4, dtype=torch.float64)
    z.copy_(x)
    z[0].copy_(y[1, 0])
    z[:, 1].copy_(torch.arange(3))
    return z


@case
def filled_diagonals(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z.fill_diagonal_(7.0)
    z[:, 1:3].fill_diagonal_(-1.0)
    tall = y.t().repeat(3, 1)
    tall.fill_diagonal_(5.0, wrap=True)
    cube = y[:3, :3].expand(3, 3, 3).clone()
    cube.fill_diagonal_(2.0)
    return z, tall, cube


@case
def sum_into_half(x: Tensor, y: Tensor) -> Any:
    z = x.to(torch.float16)
    z.add_(y)
    return z


@case
def comparisons_into_numbers(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z.gt_(y)
    w = x.clone()
    w[0].eq_(x[0])
    return z, w


@case
def logic(x: Tensor, y: Tensor) -> Any:
    z = x > 0
    z &= y > 0
    z |= x > 1
    z[0].logical_not_()
    return z


@case
def arithmetic(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z.sub_(y, alpha=2)
    z.addcmul_(x, y, value=0.5)
    z.lerp_(y, 0.25)
    z.div_(2)
    z.clamp_(min=-1).abs_().sqrt_()
    z **= 2
    z.floor_divide_(0.5)
    return z


@case
def written_with_out(x: Tensor, y: Tensor) -> Any:
    z = torch.empty(3, 4)
    torch.add(x, y, out=z)
    w = torch.zeros(3, 4)
    torch.mul(x, y, out=w[:])
    torch.cat([x[:1], y[:1]], out=w[1:])
    return z, w


@case
def sorted_with_out(x: Tensor, y: Tensor) -> Any:
    values, indices = torch.empty(3, 4), torch.empty(3, 4, dtype=torch.int64)
    torch.sort(x, out=(values, indices))
    return values, indices


@case
def without_gradients(x: Tensor, y: Tensor) -> Any:
    with torch.no_grad():
        z = x.clone()
        z[0] = 1
    z[1].add_(z[0])
    return z


@case
def many_rounds(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    rows, columns = z[0:2], z[:, 1:3]
    for i in range(4):
        rows.add_(i)
        columns.mul_(0.5)
    return z, rows, columns


@case
def dynamic_rows(x: Tensor, y: Tensor) -> Any:
    z = x.clone()
    z.view(-1, 2, 2)[:, 0].add_(1)
    z.unsqueeze(1).flatten(1)[1:].mul_(2)
    z.narrow(0, x.shape[0] - 2, 1).zero_()
    return z
