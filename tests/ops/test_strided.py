"""as_strided of a view looks at the memory behind it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import modelexport

from .harness import Operation, capture, check


def test_of_a_view() -> None:
    check(lambda x: x[1:3].as_strided((2, 3), (1, 4), 2), torch.rand(5, 4))
    check(lambda x: x.t().as_strided((4,), (5,), 0), torch.rand(5, 4))


def test_beyond_the_known_memory(tmp_path: Path) -> None:
    operation = Operation(lambda x: x[:2].as_strided((3, 4), (4, 1)), (torch.rand(5, 4),), {})
    with pytest.raises(modelexport.UnsupportedOperatorError, match="beyond the tensor's own memory"):
        modelexport.export(capture(operation, operation.tensors()), None, tmp_path / "m.onnx", fallback=False)


def test_resized() -> None:
    check(lambda x: x.clone().resize_(3, 4) + 1, torch.rand(5, 4))
    check(lambda x: x.clone().resize_(5, 6).flatten()[:20], torch.rand(5, 4))
    check(lambda x, y: x.clone().resize_as_(y), torch.rand(5, 4), torch.rand(5, 2))
