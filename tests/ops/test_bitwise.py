"""Logic on the bits of integers, whatever ONNX has for it, on what is all ones, the sign alone, or at an end."""

from __future__ import annotations

import operator
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from .harness import Operation, capture, check_program, flat_results

SIGNED = (torch.int8, torch.int16, torch.int32, torch.int64)
UNSIGNED = (torch.uint8, torch.uint16, torch.uint32, torch.uint64)
LOGIC = (operator.and_, operator.or_, operator.xor)


def extremes(dtype: torch.dtype) -> Tensor:
    """The ends of a type, what is next to them, numbers around 0, and some bits."""
    info = torch.iinfo(dtype)
    ends = [info.min, info.min + 1, info.max, info.max - 1, info.max // 3]
    return torch.tensor([*ends, 0, 1, 100, *([-1, -2, -77] if info.min < 0 else [])], dtype=dtype)


@pytest.mark.parametrize("dtype", SIGNED + UNSIGNED, ids=str)
@pytest.mark.parametrize("logic", LOGIC)
def test_extremes(logic: Callable[[Tensor, Tensor], Tensor], dtype: torch.dtype) -> None:
    def every_pair(x: Tensor, y: Tensor) -> Tensor:
        return logic(x[:, None], y)

    x = extremes(dtype)
    operation = Operation(every_pair, (x, x), {})
    tensors = operation.tensors()
    check_program(capture(operation, tensors), [(tensors, flat_results(operation(*tensors)))], (14, 17, 18))


@pytest.mark.parametrize("number", [0, 1, 6, 7, -1, -8])
@pytest.mark.parametrize("logic", LOGIC)
def test_numbers(logic: Callable[[Tensor, int], Tensor], number: int) -> None:
    for x in (extremes(torch.int32), torch.tensor(-5)):
        operation = Operation(logic, (x, number), {})
        tensors = operation.tensors()
        check_program(capture(operation, tensors), [(tensors, flat_results(operation(*tensors)))], (14, 18))


def test_numbers_of_different_types_and_sizes_that_vary() -> None:
    operation = Operation(torch.bitwise_xor, (torch.tensor([[-3], [9]], dtype=torch.int8), extremes(torch.int64)), {})
    tensors = operation.tensors()
    program = capture(operation, tensors, dynamic=True)
    more = tensors[0].repeat(2, 1), tensors[1][:4]
    check_program(program, [(given, flat_results(operation(*given))) for given in (tensors, more)], (14, 18))
