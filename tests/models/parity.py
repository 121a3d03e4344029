"""Compares an exported file with the module in eager mode, through onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch.utils import _pytree as pytree


def leaves(tree: Any) -> list[torch.Tensor]:
    """The tensors in inputs or outputs, in order; ``None`` has no place in an ONNX model."""
    return [leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def results(tree: Any) -> list[torch.Tensor]:
    """The tensors and numbers in outputs, in order; a number is a scalar of torch's dtype for it."""
    kinds = (torch.Tensor, bool, int, float)
    return [torch.as_tensor(leaf) for leaf in pytree.tree_leaves(tree) if isinstance(leaf, kinds)]


def session(path: Path, optimise: bool = True) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def feeds(runner: onnxruntime.InferenceSession, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs by ONNX name: both sides list the same tensors in the same order."""
    names = [value.name for value in runner.get_inputs()]
    tensors = leaves((args, dict(kwargs)))
    assert len(names) == len(tensors), f"the file has inputs {names}, eager has {len(tensors)} tensors"
    return {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True)}


def close(actual: np.ndarray, expected: np.ndarray, rtol: float = 1e-3, atol: float = 1e-4, noise: float = 0.0) -> None:
    """Same shape, dtype and value; absolute tolerance relative to the largest element.

    Within ``noise``, of the norm of the difference to that of ``expected``, values are the same too.
    """
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    if not np.issubdtype(expected.dtype, np.floating):
        np.testing.assert_array_equal(actual, expected)
        return
    if noise and np.linalg.norm(actual - expected) <= noise * np.linalg.norm(expected):
        return
    finite = expected[np.isfinite(expected)]
    scale = max(1.0, float(np.abs(finite).max())) if finite.size else 1.0
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol * scale)


def eager(model: torch.nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[np.ndarray]:
    with torch.no_grad():
        return [leaf.detach().clone().numpy() for leaf in results(model(*args, **dict(kwargs)))]


def assert_parity(
    model: torch.nn.Module,
    path: Path,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    optimise: bool = True,
    noise: float = 0.0,
) -> None:
    """Outputs of the file equal eager's in number, order, shape, dtype and value, as :func:`close` has it."""
    runner = session(path, optimise)
    given = {name: np.array(array) for name, array in feeds(runner, args, kwargs).items()}
    actual = runner.run(None, given)
    expected = eager(model, args, kwargs)
    assert len(actual) == len(expected)
    for got, want in zip(actual, expected, strict=True):
        close(np.asarray(got), want, noise=noise)


def assert_valid(path: Path) -> onnx.ModelProto:
    """onnx's own checker, shape inference included, accepts the file."""
    onnx.checker.check_model(str(path), full_check=True)
    return onnx.load(str(path), load_external_data=False)
