"""Python's functions of symbolic numbers, row by row: of the sizes of inputs, and of numbers taken out of tensors."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.export import Dim, ExportedProgram

from modelexport import _core

from .harness import check_program, flat_results

# A call of each function, of two positive integers.
CALLS: dict[str, Callable[[Any, Any], Any]] = {
    **{
        f"_operator::{function.__name__}": function
        for function in (
            *(operator.add, operator.sub, operator.mul, operator.floordiv, operator.truediv, operator.mod),
            *(operator.lshift, operator.rshift),
            *(operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge),
        )
    },
    "_operator::pow": lambda a, b: a**3 + b**0,
    "_operator::neg": lambda a, b: -a,
    "_operator::pos": lambda a, b: +a,
    "_operator::and_": lambda a, b: (a > 4) & (b > 4),
    "_operator::or_": lambda a, b: (a > 4) | (b > 4),
    "_operator::xor": lambda a, b: (a > 4) ^ (b > 4),
    "_operator::not_": lambda a, b: torch.sym_not(a > b),
    "math::floor": lambda a, b: math.floor(-a / b),
    "math::ceil": lambda a, b: math.ceil(-a / b),
    "math::trunc": lambda a, b: math.trunc(-a / b),
    "builtins::round": lambda a, b: round(a / b),
    "builtins::abs": lambda a, b: abs(a - b),
    "_operator::abs": lambda a, b: abs(a - b),
    "torch::sym_max": torch.sym_max,
    "torch::sym_min": torch.sym_min,
    "torch::sym_not": lambda a, b: torch.sym_not(a < b),
    "torch::sym_float": lambda a, b: torch.sym_float(a),
    "torch::sym_int": lambda a, b: torch.sym_int(-a / b),
    "torch::sym_ite": lambda a, b: torch.sym_ite(a < b, a, b * 2),
    "torch::sym_sum": lambda a, b: torch.sym_sum([a, b, a]),
    "torch::_sym_sqrt": lambda a, b: torch._sym_sqrt(a),
    "aten::sym_size.int": lambda a, b: a + 0,
}
# What torch.export writes another function for, or refuses: the row takes the place of one with the same arguments.
STAND_INS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "_operator::pos": ("_operator::neg", CALLS["_operator::neg"]),
    "builtins::abs": ("_operator::abs", CALLS["_operator::abs"]),
    "_operator::xor": ("_operator::or_", CALLS["_operator::or_"]),
    "_operator::not_": ("torch::sym_not", CALLS["_operator::not_"]),
    "torch::sym_int": ("math::trunc", CALLS["math::trunc"]),
}
FUNCTIONS = {"_operator::pos": operator.pos, "_operator::xor": operator.xor, "_operator::not_": operator.not_}
FUNCTIONS |= {"torch::sym_int": torch.sym_int, "builtins::abs": abs}
SPACES = ("_operator", "math", "builtins", "torch")
NUMBERS = ((7, 3), (3, 7), (5, 5), (6, 4))


class OfSizes(torch.nn.Module):
    """A function of the numbers of rows of two tensors."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> Any:
        return self.function(x.shape[0], y.shape[0])

    @staticmethod
    def inputs(a: int, b: int) -> tuple[torch.Tensor, ...]:
        return torch.rand(a, 2), torch.rand(b)


class OfItems(OfSizes):
    """A function of two numbers that are known when the model runs."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> Any:
        return self.function(x.item(), y.item())

    @staticmethod
    def inputs(a: int, b: int) -> tuple[torch.Tensor, ...]:
        return torch.tensor(a), torch.tensor(b)


def name_of(target: Any) -> str:
    """A call's target as its row names it."""
    return (
        str(target).replace(".", "::", 1)
        if isinstance(target, torch._ops.OpOverload)
        else (f"{target.__module__}::{target.__name__}")
    )


def captured(name: str, kind: type[OfSizes]) -> ExportedProgram:
    """A program in which the row's function is called."""
    stand_in, function = STAND_INS.get(name, (name, CALLS[name]))
    shapes = ({0: Dim("a", min=2, max=99)}, {0: Dim("b", min=2, max=99)}) if kind is OfSizes else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(kind(function), kind.inputs(*NUMBERS[0]), dynamic_shapes=shapes, strict=False)
    calls = [node for node in program.graph.nodes if node.op == "call_function" and name_of(node.target) == stand_in]
    assert calls, f"no call of {stand_in}"
    for call in calls:
        call.target = FUNCTIONS.get(name, call.target)
    return program


@pytest.mark.parametrize("kind", [OfSizes, OfItems])
@pytest.mark.parametrize("name", CALLS)
def test_function(name: str, kind: type[OfSizes]) -> None:
    if kind is OfItems and name in ("_operator::pow", "aten::sym_size.int"):
        return  # torch.export asks for the sign of the exponent; no tensor has a size
    program = captured(name, kind)
    check_program(program, [(kind.inputs(a, b), flat_results(CALLS[name](a, b))) for a, b in NUMBERS])


def test_every_function_has_a_call() -> None:
    rows = {schema.partition("(")[0] for schema in _core.op_schemas()}
    assert {row for row in rows if row.partition("::")[0] in SPACES} <= set(CALLS) <= rows
