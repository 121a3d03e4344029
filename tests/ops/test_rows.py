"""Every row of the op table goes through onnxruntime, at every kind of opset."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.ao.quantization.fx._decomposed  # registers quantized_decomposed
import transformers.integrations.moe  # noqa: F401 (registers transformers::grouped_mm_fallback)
from torch.utils import _pytree as pytree

from modelexport import _core

from .harness import OPSETS, Operation, capture, check_program, flat_results
from .opinfo import Batch
from .own_samples import (
    ARGUMENTS,
    BEYOND_ATEN,
    BEYOND_TENSORS,
    ELSEWHERE,
    FIRST_RESULT,
    ON_INTERMEDIATE,
    RECORDED_AS_DOUBLE,
    UNPREDICTABLE,
)
from .row_samples import calls, overload_of

# By name, "add.Tensor" or "prims::clone".
ROWS = {
    schema.partition("(")[0].removeprefix("aten::"): schema
    for schema in _core.op_schemas()
    if schema.partition("::")[0] not in BEYOND_TENSORS
}
OWN = ARGUMENTS | UNPREDICTABLE | ON_INTERMEDIATE | BEYOND_ATEN
LEFT_OUT = {name for names in ELSEWHERE.values() for name in names.split()}


def operations(name: str) -> list[Operation]:
    """Calls of a row's operator: own samples where there are some, else torch's."""
    overload = overload_of(ROWS[name])
    if name not in OWN:
        return calls(overload)
    function: Callable[..., Any] = overload
    if name in UNPREDICTABLE:
        function = lambda *args, **kwargs: pytree.tree_map(torch.zeros_like, overload(*args, **kwargs))  # noqa: E731
    if name in FIRST_RESULT:
        function = lambda *args, **kwargs: overload(*args, **kwargs)[0]  # noqa: E731
    if name in ON_INTERMEDIATE:
        function = lambda x, *args: overload(x.clone(), *args)  # noqa: E731
    if name in RECORDED_AS_DOUBLE:
        function = lambda *args: pytree.tree_map(torch.Tensor.double, overload(*args))  # noqa: E731
    return [
        Operation(function, args[:-1], args[-1]) if isinstance(args[-1], dict) else Operation(function, args, {})
        for args in OWN[name]
    ]


@pytest.mark.parametrize("name", [name for name in ROWS if name not in LEFT_OUT])
def test_row(name: str) -> None:
    batch = Batch(operations(name))
    assert batch.operations, "no samples: add some to own_samples.py"
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = flat_results(batch(*batch.tensors()))
        program = capture(batch, batch.tensors())
    assert str(overload_of(ROWS[name])) in {str(node.target) for node in program.graph.nodes}
    check_program(program, [(batch.tensors(), expected)], OPSETS, normwise=name.startswith("fft_"))


def test_exceptions_are_rows() -> None:
    assert {*OWN, *LEFT_OUT} <= set(ROWS)


@pytest.mark.parametrize("where", sorted({*(where for _, where in ELSEWHERE), *BEYOND_TENSORS.values()}))
def test_tests_elsewhere_exist(where: str) -> None:
    path, _, function = where.partition("::")
    assert f"def {function or 'test_'}" in (Path(__file__).parents[2] / path).read_text()
