"""Operators that torch.export writes no call of: one takes the place of another call, which has the same results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch.export import Dim
from torch.fx import Node

from .harness import Operation, check_program, flat_results

aten = torch.ops.aten
X, Y, STACK = torch.rand(3, 4).half(), torch.rand(4, 5).half(), torch.rand(2, 3, 4).half()
BATCH = torch.rand(2, 4, 5).half()
RUNS = torch.tensor([[1, 2], [1, 2], [3, 2], [1, 2]])


@dataclass(frozen=True)
class StandIn:
    """A call of ``overload`` in place of the one of ``captured``; ``arguments`` gives its own from those captured."""

    overload: torch._ops.OpOverload
    captured: torch._ops.OpOverload
    program: Callable[..., Any]
    arguments: Callable[..., tuple[Any, ...]]
    inputs: tuple[torch.Tensor, ...]
    dynamic_axis: int | None = None  # of the only input


# Products of half precision in float32: what the program says with a cast of the operands.
def in_float(overload: torch._ops.OpOverload, stand_in: torch._ops.OpOverload, *inputs: torch.Tensor) -> StandIn:
    def program(*tensors: torch.Tensor) -> torch.Tensor:
        return stand_in(*[tensor.float() for tensor in tensors])

    def arguments(*casts: Node) -> tuple[Any, ...]:
        *first, left, right = [cast.args[0] for cast in casts]
        return (*first, left, right, torch.float32)

    return StandIn(overload, stand_in, program, arguments, inputs)


STAND_INS = {
    "mm.dtype": in_float(aten.mm.dtype, aten.mm.default, X, Y),
    "bmm.dtype": in_float(aten.bmm.dtype, aten.bmm.default, STACK, BATCH),
    "addmm.dtype": in_float(aten.addmm.dtype, aten.addmm.default, torch.rand(5).half(), X, Y),
    "baddbmm.dtype": in_float(aten.baddbmm.dtype, aten.baddbmm.default, torch.rand(2, 3, 5).half(), STACK, BATCH),
    "narrow.Tensor": StandIn(
        aten.narrow.Tensor,
        aten.index_select.default,
        lambda x, start: aten.index_select(x, 1, start + torch.arange(2)),
        lambda x, dim, index: (x, dim, index.args[0], 2),
        (X.float(), torch.tensor(1)),
    ),
    "unique_dim_consecutive": StandIn(
        aten.unique_dim_consecutive.default,
        aten.unique_consecutive.default,
        lambda x: aten.unique_consecutive(x, True, True, 0),
        lambda x, inverse, counts, dim: (x, dim, inverse, counts),
        (RUNS,),
    ),
    "sym_numel": StandIn(
        aten.sym_numel.default, aten.sym_size.int, lambda x: x.shape[0] + 1, lambda x, dim: (x,), (torch.rand(5),), 0
    ),
    "sym_stride.int": StandIn(
        aten.sym_stride.int, aten.sym_size.int, lambda x: x.shape[1] + 1, lambda x, dim: (x, 0), (torch.rand(3, 5),), 1
    ),
    "_local_scalar_dense": StandIn(
        aten._local_scalar_dense.default, aten.item.default, lambda x: x.item() + 1, lambda x: (x,), (torch.tensor(3),)
    ),
    "is_nonzero": StandIn(
        aten.is_nonzero.default,
        aten.item.default,
        lambda x: torch.sym_not(x.item()),
        lambda x: (x,),
        (torch.tensor(True),),
    ),
    "masked_select.out": StandIn(
        aten.masked_select.out,
        aten.masked_select.default,
        lambda x: aten.masked_select(x, x > 0.5),
        lambda x, mask: (x, mask),
        (X.float(),),
    ),
}


@pytest.mark.parametrize("name", STAND_INS)
def test_stand_in(name: str) -> None:
    case = STAND_INS[name]
    operation = Operation(case.program, case.inputs, {})
    shapes = None if case.dynamic_axis is None else (({case.dynamic_axis: Dim.DYNAMIC},),)
    program = torch.export.export(operation, case.inputs, dynamic_shapes=shapes, strict=False)
    call = next(node for node in program.graph.nodes if node.target is case.captured)
    call.target = case.overload
    call.args = case.arguments(*call.args)
    if name.endswith(".out"):
        with program.graph.inserting_before(call):
            call.kwargs = {"out": program.graph.call_function(aten.clone.default, (call.args[0],))}
            call.kwargs["out"].meta = dict(call.args[0].meta)
    check_program(program, [(operation.tensors(), flat_results(operation(*operation.tensors())))])
