"""Runs exported files and compares them with eager; fills the gaps that a test would repeat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch.utils import _pytree as pytree


def run(path: Path, feeds: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The outputs of the file by name."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    given = {name: value.detach().numpy() for name, value in feeds.items()}
    return dict(zip(names, session.run(None, given), strict=True))


def assert_same(actual: dict[str, np.ndarray], expected: Any) -> None:
    """The outputs equal eager's tensors in number, order, dtype, shape and value."""
    tensors = [leaf for leaf in pytree.tree_leaves(expected) if isinstance(leaf, torch.Tensor)]
    assert len(actual) == len(tensors)
    for got, want in zip(actual.values(), tensors, strict=True):
        want = want.detach().numpy()
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def checked(path: Path) -> onnx.ModelProto:
    """The file, after onnx's own full check."""
    onnx.checker.check_model(str(path), full_check=True)
    return onnx.load(str(path), load_external_data=False)


def input_dims(model: onnx.ModelProto) -> dict[str, list[int | str]]:
    """{"x": ["batch", 4]} of the graph's inputs."""
    return {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in model.graph.input
    }
