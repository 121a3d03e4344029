"""torch's own samples (OpInfo) for operators, as test cases.

``python -m tests.zoo.opinfo`` runs all of them.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import OpInfo, SampleInput
from torch.utils import _pytree as pytree

from tests.ops.harness import OPSETS, Operation, capture, check, check_program, flat_results

DTYPES = {
    name: getattr(torch, name)
    for name in ("float32", "int64", "bool", "float64", "int32", "float16", "bfloat16", "complex64")
}
# Each result sums up all elements, and its error grows with the largest of them.
SUMS = ("fft.", "stft", "istft", "matrix_exp")
# Results that are whatever the memory held: sizes and dtypes are compared, values are not.
UNINITIALISED = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"}
# Operators that may name any of equal elements (torch.sort: "the order of equal elements is not guaranteed"), and which
# argument is their axis: the elements are compared, not their positions.
OPEN_ORDER = {"argsort": 1, "sort": 1, "mode": 1, "kthvalue": 2, "topk": 2}


@cache
def entries() -> dict[str, OpInfo]:
    """OpInfo entries by full name, "add" or "var_mean.unbiased"."""
    return {
        f"{entry.name}.{entry.variant_test_name}" if entry.variant_test_name else entry.name: entry for entry in op_db
    }


def cases(names: Sequence[str], dtypes: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of entry name and dtype name that torch runs on the CPU."""
    return [
        (name, dtype) for name in names for dtype in dtypes if DTYPES[dtype] in entries()[name].supported_dtypes("cpu")
    ]


def samples(name: str, dtype: str, limit: int | None = None) -> Iterator[SampleInput]:
    """The entry's samples, the same in every run; at most `limit`, spread over all."""
    torch.manual_seed(0)
    random.seed(0)
    found = list(entries()[name].sample_inputs("cpu", DTYPES[dtype], requires_grad=False))
    step = 1 if limit is None else max(1, len(found) // limit)
    yield from itertools.islice(found, 0, None, step)


def with_elements(function: Callable[..., Any], axis: int) -> Callable[..., Any]:
    """``function`` with the elements at the positions that it gives last in their place."""

    def elements(*args: Any, **kwargs: Any) -> list[torch.Tensor]:
        *values, positions = pytree.tree_leaves(function(*args, **kwargs))
        dim = kwargs.get("dim", args[axis] if len(args) > axis else -1)
        keeps_axis = positions.dim() == args[0].dim()
        indices = positions if keeps_axis else positions.unsqueeze(dim)
        return [*values, args[0].gather(dim, indices)]

    return elements


def operation_of(name: str, sample: SampleInput) -> Operation:
    """A sample as a call.

    A tensor that shows a part of a larger memory, out of which the operator may reach, becomes a view of that memory.
    """
    function: Callable[..., Any] = entries()[name].op
    args = (sample.input, *sample.args)
    if name in UNINITIALISED:
        return Operation(lambda *args, **kwargs: torch.zeros_like(function(*args, **kwargs)), args, sample.kwargs)
    if name in OPEN_ORDER:
        function = with_elements(function, OPEN_ORDER[name])
    if name.endswith("partial_views"):
        x = sample.input
        layout = (x.shape, x.stride(), x.storage_offset())
        memory = x.as_strided((x.untyped_storage().nbytes() // x.element_size(),), (1,), 0)
        args = (memory, *sample.args)
        return Operation(lambda m, *rest, **kw: function(m.as_strided(*layout), *rest, **kw), args, sample.kwargs)
    return Operation(function, args, sample.kwargs)


class Batch(torch.nn.Module):
    """Several calls in one program, each with inputs and outputs of its own."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        super().__init__()
        self.operations = operations
        self.counts = [len(operation.tensors()) for operation in operations]

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Fresh copies of the inputs of all calls."""
        return tuple(tensor for operation in self.operations for tensor in operation.tensors())

    def forward(self, *tensors: torch.Tensor) -> list[Any]:
        rest = iter(tensors)
        calls = zip(self.operations, self.counts, strict=True)
        return [operation(*itertools.islice(rest, count)) for operation, count in calls]


def failure(operations: Sequence[Operation], opsets: Sequence[int] = OPSETS, **tolerance: Any) -> str | None:
    """The stage and the error in which the calls, in one program, fail; None when they pass."""
    stage = "eager"
    batch = Batch(operations)
    try:
        with torch.no_grad():
            expected = flat_results(batch(*batch.tensors()))
            stage = "torch.export"
            program = capture(batch, batch.tensors())
        stage = "modelexport"
        check_program(program, [(batch.tensors(), expected)], opsets, **tolerance)
    except Exception as error:  # whatever is wrong is to be told
        return " ".join(f"{stage}: {type(error).__name__}: {error}".split())[:300]
    return None


def failures(operations: Sequence[Operation], opsets: Sequence[int] = OPSETS, **tolerance: Any) -> Iterator[str]:
    """What is wrong with each call that fails, found by halving what fails."""
    why = failure(operations, opsets, **tolerance)
    if why is not None and len(operations) == 1:
        yield why
    elif why is not None:
        middle = len(operations) // 2
        yield from failures(operations[:middle], opsets, **tolerance)
        yield from failures(operations[middle:], opsets, **tolerance)


def check_sample(name: str, sample: SampleInput, opsets: Sequence[int] = OPSETS, **options: Any) -> None:
    """Compares one sample's export with eager; see :func:`tests.ops.harness.check`."""
    check(entries()[name].op, sample.input, *sample.args, opsets=opsets, **options, **sample.kwargs)


def check_case(name: str, dtype: str, limit: int | None = 8, **options: Any) -> None:
    """Compares up to `limit` samples of an entry with eager."""
    for sample in samples(name, dtype, limit):
        check_sample(name, sample, **options)
