"""Checks with symbolic sizes, for the tests of views, indexing, scatters, sorts and joins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.export import Dim

from .harness import Operation, check_program, flat_results


def check_sizes(
    function: Callable[..., Any],
    tensors: Sequence[torch.Tensor],
    symbolic: Sequence[Sequence[int]],
    other: Sequence[torch.Tensor],
    opsets: Sequence[int] = (14, 20),
) -> None:
    """Exports ``function(*tensors)`` with symbolic sizes and compares it with eager on two sets of sizes.

    Args:
        function: what to call.
        tensors: the inputs of the capture.
        symbolic: for each tensor the dimensions whose size may vary.
        other: inputs of other sizes, which the same model must take.
        opsets: the versions to export at.

    Raises:
        AssertionError: the model is wrong; or whatever export, checker or onnxruntime raise.
    """
    operation = Operation(function, tensors, {})
    shapes = (tuple(dict.fromkeys(dims, Dim.DYNAMIC) for dims in symbolic),)
    with torch.no_grad():
        program = torch.export.export(operation, operation.tensors(), dynamic_shapes=shapes, strict=False)
        runs = [(ins, flat_results(operation(*[t.clone() for t in ins]))) for ins in (tensors, other)]
    check_program(program, runs, opsets)
