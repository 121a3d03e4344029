"""Does the written file compute what the model computes?  onnxruntime and eager mode on two sets of inputs.

It needs the package ``onnxruntime``, which the exporter itself does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils import _pytree as pytree

from modelexport.containers import register_containers
from modelexport.exceptions import InvalidInputError, VerificationError
from modelexport.inputs import CallInputs
from modelexport.options import ExportOptions
from modelexport.state import preserved, run_on_copies

SEED = 0
"""Of the second set of inputs."""


def verify(model: torch.nn.Module, call: CallInputs, path: Path, options: ExportOptions) -> None:
    """Compares a file with ``model`` on the example inputs and on a second draw of the same shapes, dtypes and ranges.

    Floating-point outputs may differ by a thousandth of an element or by a tenth of that of the largest one (16-bit
    types: 32 units of their precision); the others must be equal.

    Raises:
        InvalidInputError: onnxruntime is not installed, or cannot take the inputs.
        VerificationError: an output differs in shape, dtype or value; names the output and the inputs.
    """
    session = _session(path)
    generator = torch.Generator().manual_seed(SEED)
    tensors = [leaf.value for leaf in call.leaves() if leaf.is_tensor]
    for which, draw in (("example", tensors), ("random", [drawn_like(tensor, generator) for tensor in tensors])):
        with preserved(model, options.training):
            expected = _eager(model, call, draw)
        names = [value.name for value in session.get_outputs()]
        for name, got, want in zip(names, _run(session, draw), expected, strict=False):
            relative, absolute = _tolerances(want)
            try:
                torch.testing.assert_close(got, want, rtol=relative, atol=absolute, equal_nan=True)
            except AssertionError as error:
                raise VerificationError(
                    f"{path} gives another {name!r} than {type(model).__name__} for the {which} inputs: "
                    + " ".join(str(error).split())
                ) from None


def drawn_like(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Other elements of the same shape, dtype and range; what has only one value keeps it."""
    if tensor.numel() == 0 or tensor.is_complex():
        return tensor
    if tensor.dtype == torch.bool:
        choice = torch.rand(tensor.shape, generator=generator) < 0.5
        return choice if 0 < int(tensor.sum()) < tensor.numel() else tensor
    low, high = tensor.min(), tensor.max()
    if tensor.is_floating_point():
        if not torch.isfinite(high - low):
            return tensor
        return (torch.rand(tensor.shape, generator=generator) * (high - low).float() + low.float()).to(tensor.dtype)
    return torch.randint(int(low), int(high) + 1, tensor.shape, generator=generator, dtype=torch.int64).to(tensor.dtype)


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise InvalidInputError("verify needs the package onnxruntime, which is not installed") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _run(session: Any, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    names = [value.name for value in session.get_inputs()]
    if len(names) != len(tensors):
        raise InvalidInputError(f"verify cannot give the file its inputs {', '.join(names)}: the call has others")
    if any(tensor.dtype == torch.bfloat16 for tensor in tensors):
        raise InvalidInputError("verify cannot give onnxruntime inputs of type bfloat16")
    arrays = session.run(None, {n: t.detach().cpu().numpy() for n, t in zip(names, tensors, strict=True)})
    return [torch.as_tensor(array) for array in arrays]


def _eager(model: torch.nn.Module, call: CallInputs, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    given = iter(tensors)
    leaves = [next(given) if leaf.is_tensor else leaf.value for leaf in call.leaves()]
    results = run_on_copies(model, call.replace(leaves))
    register_containers(results)
    written = (leaf for leaf in pytree.tree_leaves(results) if isinstance(leaf, torch.Tensor | int | float))
    return [torch.as_tensor(leaf).detach().cpu() for leaf in written]


def _tolerances(want: torch.Tensor) -> tuple[float, float]:
    if not want.is_floating_point() and not want.is_complex():
        return 0, 0
    finite = want[torch.isfinite(want)].abs()
    scale = max(1.0, float(finite.max())) if finite.numel() else 1.0
    relative = max(1e-3, 32 * torch.finfo(want.dtype).eps)
    return relative, relative / 10 * scale
