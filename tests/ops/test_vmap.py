"""torch.vmap inside a model, as transformers builds attention masks with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex

from .harness import check
from .indexing_cases import check_sizes

GROUPS = torch.tensor([[0, 0, 1, 1, -1], [-1, 0, 0, 0, 1]])
Mask = Callable[..., torch.Tensor]


def over_positions(mask: Mask) -> Mask:
    """``mask(batch, head, query, key)`` over all positions, as a tensor of rank 4."""
    for axis in (3, 2, 1, 0):
        mask = torch.vmap(mask, in_dims=tuple(0 if i == axis else None for i in range(4)), out_dims=0)
    return mask


def group_mask(groups: torch.Tensor) -> torch.Tensor:
    batch, width = groups.shape

    def mask(b: torch.Tensor, h: torch.Tensor, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        allowed = q.new_ones((), dtype=torch.bool) & (k <= q)
        group = torch.where(q < width, groups[b, q.clamp(max=width - 1)], -1)
        return allowed | ((group == groups[b, k]) & (group >= 0))

    with TransformGetItemToIndex():
        ranges = torch.arange(batch), torch.arange(2), torch.arange(width), torch.arange(width)
        return over_positions(mask)(*ranges)


def test_attention_mask() -> None:
    check(group_mask, GROUPS)
    check_sizes(group_mask, (GROUPS,), [(0, 1)], (torch.randint(-1, 3, (3, 7)),))


def test_scores_with_a_bias() -> None:
    def scores(x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return torch.vmap(lambda row: row * 2 + bias, in_dims=1)(x)

    check(scores, torch.rand(3, 5), torch.rand(3))
    check(scores, torch.rand(4, 3, 2), torch.rand(2))
    check_sizes(scores, (torch.rand(3, 5), torch.rand(3)), [(0, 1), (0,)], (torch.rand(4, 7), torch.rand(4)))


def test_nested_with_ranks_that_differ() -> None:
    def outer(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        inner = torch.vmap(lambda a, b: a * b + 1, in_dims=(None, 0))
        return torch.vmap(inner, in_dims=(0, None))(x, y)

    check(outer, torch.rand(3), torch.rand(2, 4))
    check(outer, torch.rand(3, 4), torch.rand(2))


def test_calls_that_do_not_broadcast() -> None:
    def products(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        def one(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, ...]:
            least, place = (a @ b).min(dim=0)
            return (a @ b).sum(), torch.softmax(a, 0), least * 2, place, a.mT.reshape(-1)

        return torch.vmap(one, in_dims=(0, 1))(x, y)

    inputs = torch.rand(3, 4, 5), torch.rand(5, 3, 2)
    check(products, *inputs)
    check_sizes(products, inputs, [(0,), (1,)], (torch.rand(6, 4, 5), torch.rand(5, 6, 2)))


def test_pairs_of_examples() -> None:
    def distances(x: torch.Tensor, y: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        inner = torch.vmap(lambda a, b: torch.dot(a - b, scale), in_dims=(None, 0))
        return torch.vmap(inner, in_dims=(0, None))(x, y)

    check(distances, torch.rand(3, 4), torch.rand(2, 4), torch.rand(4))


def test_models_of_an_ensemble() -> None:
    nets = [torch.nn.Linear(4, 2) for _ in range(3)]
    parameters, _ = torch.func.stack_module_state(nets)

    def together(x: torch.Tensor) -> torch.Tensor:
        return torch.vmap(lambda p: torch.func.functional_call(nets[0], p, (x,)))(parameters)

    check(together, torch.rand(5, 4))


def test_writes_are_refused() -> None:
    def write(x: torch.Tensor) -> torch.Tensor:
        return torch.vmap(lambda row: row.clone().index_fill_(0, torch.tensor([0]), 1.0))(x)

    with pytest.raises(Exception, match=r"aten\.index_fill_.* inside torch\.vmap"):
        check(write, torch.rand(3, 4), opsets=(20,))


def test_a_derivative_in_forward_mode_is_refused() -> None:
    with pytest.raises(Exception, match="derivatives in forward mode have no ONNX form"):
        check(lambda x: torch.func.jvp(torch.sin, (x,), (x,))[1], torch.rand(3, 4), opsets=(20,))
