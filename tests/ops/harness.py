"""Exports one operator call and compares what onnxruntime makes of it with eager torch.

The file under test is made by :func:`modelexport.export`; everything that it is compared with is not ours: torch's
eager results, onnxruntime at two optimisation levels, and ``onnx.checker``.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort
import torch
from torch.export import Dim, ExportedProgram
from torch.utils import _pytree as pytree

import modelexport

# The newest is the last that onnxruntime runs in full: it has no kernel for QuantizeLinear of opset 28.
OPSETS = (14, 18, 20, 27)

# (relative, absolute) tolerances. float64 is that of float32 where onnxruntime has float32 kernels only.
TOLERANCES = {
    torch.float16: (1e-2, 1e-3),
    torch.bfloat16: (3e-2, 1e-2),
    torch.float32: (1e-4, 1e-5),
    torch.float64: (1e-5, 1e-6),
}


class Operation(torch.nn.Module):
    """A call whose tensors are inputs of the graph and whose other arguments are constants.

    Args:
        function: what to call.
        args, kwargs: its arguments; tensors may sit in lists, tuples and dicts.
    """

    def __init__(self, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        super().__init__()
        self.function = function
        self.leaves, self.spec = pytree.tree_flatten((tuple(args), kwargs))

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Fresh copies of the tensor arguments, in the order in which ``forward`` takes them."""
        return tuple(leaf.detach().clone() for leaf in self.leaves if isinstance(leaf, torch.Tensor))

    def forward(self, *tensors: torch.Tensor) -> Any:
        rest = iter(tensors)
        leaves = [next(rest) if isinstance(leaf, torch.Tensor) else leaf for leaf in self.leaves]
        args, kwargs = pytree.tree_unflatten(leaves, self.spec)
        return self.function(*args, **kwargs)


def capture(operation: torch.nn.Module, tensors: Sequence[torch.Tensor], dynamic: bool = False) -> ExportedProgram:
    """``operation`` captured; with ``dynamic``, first dimensions above 1 are symbolic where torch can keep them so."""
    shapes = None
    if dynamic:
        shapes = (tuple({0: Dim.AUTO} if tensor.dim() > 0 and tensor.shape[0] > 1 else None for tensor in tensors),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(operation, tuple(tensors), dynamic_shapes=shapes, strict=False)


def run(path: Path, tensors: Sequence[torch.Tensor], level: ort.GraphOptimizationLevel) -> list[torch.Tensor]:
    """The outputs of the model at ``path`` in onnxruntime, for inputs of any dtype, bfloat16 included."""
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    if len(names) != len(tensors):
        raise AssertionError(f"the model has {len(names)} inputs, the call {len(tensors)}")
    feed = dict(zip(names, map(_to_ort, tensors), strict=True))
    return [_from_ort(value) for value in session.run_with_ort_values(None, feed)]


def as_pairs(tensor: torch.Tensor) -> torch.Tensor:
    """Complex numbers as they enter and leave a model, pairs along a last axis; other tensors as they are."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def _to_ort(tensor: torch.Tensor) -> ort.OrtValue:
    tensor = as_pairs(tensor).contiguous()
    if tensor.dtype is torch.bfloat16:
        bits = tensor.view(torch.uint16).numpy()
        return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, onnx.TensorProto.BFLOAT16)
    return ort.OrtValue.ortvalue_from_numpy(tensor.numpy())


def _from_ort(value: ort.OrtValue) -> torch.Tensor:
    if value.data_type() == "tensor(bfloat16)":
        return torch.utils.dlpack.from_dlpack(value._ortvalue.to_dlpack()).clone()
    array = value.numpy()
    # By its width: of numpy's two names for unsigned integers of 64 bits, torch knows one.
    return torch.from_numpy(array.astype(array.dtype.str))


def flat_results(result: Any) -> list[torch.Tensor]:
    """The tensors and numbers of an eager result as tensors, None left out."""
    leaves = [leaf for leaf in pytree.tree_leaves(result) if leaf is not None]
    return [leaf.detach() if isinstance(leaf, torch.Tensor) else _number(leaf) for leaf in leaves]


def _number(number: float) -> torch.Tensor:
    """A Python number as a tensor of its own precision."""
    return torch.tensor(number, dtype=torch.float64 if isinstance(number, float) else None)


def compare(
    actual: Sequence[torch.Tensor],
    expected: Sequence[torch.Tensor],
    what: str,
    rtol: float | None = None,
    atol: float | None = None,
    normwise: bool = False,
) -> None:
    """Raises AssertionError unless number, shapes, dtypes and values are those expected.

    The tolerances are those of the dtype where none are given; ``normwise``, the absolute one is a part of the largest
    element rather than of 1.
    """
    assert len(actual) == len(expected), f"{what}: {len(actual)} outputs, expected {len(expected)}"
    for i, (ours, theirs) in enumerate(zip(actual, map(as_pairs, expected), strict=True)):
        usual_rtol, usual_atol = TOLERANCES.get(theirs.dtype, (0, 0))
        scale = (
            max(1.0, float(theirs.abs().max())) if normwise and theirs.is_floating_point() and theirs.numel() else 1.0
        )
        torch.testing.assert_close(
            ours,
            theirs.contiguous(),
            rtol=usual_rtol if rtol is None else rtol,
            atol=scale * (usual_atol if atol is None else atol),
            equal_nan=True,
            msg=lambda message, i=i: f"{what}, output {i}: {message}",
        )


def check_program(
    program: ExportedProgram,
    runs: Sequence[tuple[Sequence[torch.Tensor], Sequence[torch.Tensor]]],
    opsets: Sequence[int] = OPSETS,
    **tolerance: Any,
) -> None:
    """Exports ``program`` at each of ``opsets`` and compares it on ``runs``, pairs of inputs and expected outputs."""
    levels = (ort.GraphOptimizationLevel.ORT_DISABLE_ALL, ort.GraphOptimizationLevel.ORT_ENABLE_ALL)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        for opset in opsets:
            modelexport.export(program, None, path, opset_version=opset, fallback=False)
            onnx.checker.check_model(str(path), full_check=True)
            for inputs, expected in runs:
                for level in levels:
                    what = f"opset {opset}, {str(level).rpartition('.')[2]}"
                    compare(run(path, inputs, level), expected, what, **tolerance)


def check(
    function: Callable[..., Any],
    *args: Any,
    opsets: Sequence[int] = OPSETS,
    dynamic: bool = False,
    tolerance: dict[str, Any] | None = None,
    **kwargs: Any,
) -> None:
    """Exports ``function(*args, **kwargs)`` and compares it with eager.

    Args:
        function: what to call; its tensor arguments become inputs of the model.
        opsets: the versions to export at.
        dynamic: first dimensions are symbolic, and the model also runs with twice their size where torch takes that.
        tolerance: ``rtol`` and ``atol`` instead of those of the dtype.

    Raises:
        AssertionError: the model is wrong; or whatever export, checker or onnxruntime raise.
    """
    operation = Operation(function, args, kwargs)
    tensors = operation.tensors()
    with torch.no_grad():
        runs = [(tensors, flat_results(operation(*operation.tensors())))]
        program = capture(operation, operation.tensors(), dynamic)
        if dynamic:
            runs += _larger_run(operation, program)
    check_program(program, runs, opsets, **(tolerance or {}))


def _larger_run(operation: Operation, program: ExportedProgram) -> list[tuple[Sequence[Any], Sequence[Any]]]:
    larger = [torch.cat([t, t]) if t.dim() > 0 and t.shape[0] > 1 else t for t in operation.tensors()]
    try:
        program.module()(*[tensor.clone() for tensor in larger])
    except Exception:  # the sizes are tied to each other or to a constant
        return []
    return [(larger, flat_results(operation(*[tensor.clone() for tensor in larger])))]
