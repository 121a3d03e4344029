"""Random tensors have torch's distributions in onnxruntime, whatever the opset."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort
import pytest
import torch

import modelexport

from .harness import Operation, capture, run

N = 20_000
# The mean, the deviation and the range of each.
DISTRIBUTIONS = {
    "rand": (lambda x: torch.rand_like(x), 0.5, 12**-0.5, 0, 1),
    "uniform": (lambda x: x.clone().uniform_(-3, 5), 1, 8 * 12**-0.5, -3, 5),
    "randn": (lambda x: torch.randn_like(x), 0, 1, -7, 7),
    "exponential": (lambda x: x.clone().exponential_(2), 0.5, 0.5, 0, 20),
    "randint": (lambda x: torch.randint_like(x, 2, 6), 3.5, 1.25**0.5, 2, 5),
    "dropout": (lambda x: torch.nn.functional.dropout(x + 1, 0.2), 1, 0.5, 0, 1.25),
}


@pytest.mark.parametrize("opset", [14, 22, 27])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distribution(name: str, opset: int, tmp_path: Path) -> None:
    function, mean, deviation, low, high = DISTRIBUTIONS[name]
    operation = Operation(lambda x: (function(x), function(x)), (torch.zeros(N),), {})
    modelexport.export(
        capture(operation, operation.tensors()), None, tmp_path / "m.onnx", opset_version=opset, fallback=False
    )
    first, second = run(tmp_path / "m.onnx", operation.tensors(), ort.GraphOptimizationLevel.ORT_ENABLE_ALL)
    for drawn in (first, second):
        assert float(drawn.mean()) == pytest.approx(mean, abs=6 * deviation * N**-0.5)
        assert float(drawn.std()) == pytest.approx(deviation, rel=0.05)
        assert low <= float(drawn.min()) and float(drawn.max()) <= high
    assert not torch.equal(first, second)
