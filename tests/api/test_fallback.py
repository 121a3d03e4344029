"""Operators without an ONNX form here: decomposed by torch, or left to torch's own exporter, and said so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch

import modelexport
from tests.api.running import assert_same, checked, input_dims, run


class Applied(torch.nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


class Model(torch.nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.first = torch.nn.Linear(4, 4)
        self.inner = torch.nn.ModuleList([Applied(function)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.inner[0](self.first(x))
        return result


def modules(path: Path) -> dict[str, tuple[str, str]]:
    """The module of every node, and how it is known."""
    tags = {}
    for node in onnx.load(path).graph.node:
        entries = {entry.key: entry.value for entry in node.metadata_props}
        tags[node.name] = (entries["modelexport.module"], entries.get("modelexport.provenance", "exact"))
    return tags


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def margin_loss(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.multi_margin_loss(x, torch.tensor([0, 3]))


def test_torch_decomposes_what_is_unknown(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, x = Model(margin_loss).eval(), torch.randn(2, 4)
    result = modelexport.export(model, x, path)
    checked(path)
    assert_same(run(path, {"x": x}), model(x))
    (fallback,) = result["fallbacks"]
    assert fallback["operator"] == "aten.multi_margin_loss.default"
    assert (fallback["module"], fallback["calls"], fallback["by"]) == ("inner.0", 1, "decomposition")
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "aten.multi_margin_loss.default in inner.0" in warning
    # The rest is lowered as ever, and the parts belong to the call that was decomposed.
    assert {"first", "inner.0"} <= {module for module, how in modules(path).values() if how == "exact"}


def normalised(x: torch.Tensor) -> torch.Tensor:
    """A batch normalisation by the operator that may also write its statistics."""
    mean, variance = torch.tensor([0.5, 0.0, -0.5, 1.0]), torch.tensor([1.0, 2.0, 0.5, 3.0])
    weight, bias = torch.tensor([1.0, 0.5, 2.0, 1.5]), torch.zeros(4)
    operator = torch.ops.aten._native_batch_norm_legit.default
    result: torch.Tensor = operator(x, weight, bias, mean, variance, False, 0.1, 1e-5)[0]
    return result


def test_torchs_exporter_writes_what_has_no_decomposition(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, x = Model(normalised).eval(), torch.randn(2, 4)
    result = modelexport.export(model, x, path, dynamic_axes={"x": {0: "batch"}})
    assert input_dims(checked(path)) == {"x": ["batch", 4]}
    assert_same(run(path, {"x": x}), model(x))
    assert [(f["operator"], f["by"]) for f in result["fallbacks"]] == [
        ("aten._native_batch_norm_legit.default", "torch.onnx.export")
    ]
    assert result["tagged_operations"] == result["total_operations"] == len(modules(path))
    assert "inner.0" in {module for module, _ in modules(path).values()}
    assert len([r for r in caplog.records if r.levelno == logging.WARNING and r.name == "modelexport"]) == 1


@pytest.mark.parametrize("function", [margin_loss, normalised])
def test_no_fallback_when_it_is_off(function: Callable[[torch.Tensor], torch.Tensor], path: Path) -> None:
    with pytest.raises(modelexport.UnsupportedOperatorError, match=r"first in inner\.0") as raised:
        modelexport.export(Model(function), torch.randn(2, 4), path, fallback=False)
    assert [(calls, module) for _, calls, module, _ in raised.value.operators] == [(1, "inner.0")]
    assert not list(path.parent.iterdir())


def test_nothing_falls_back_without_need(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert modelexport.export(Model(torch.relu), torch.randn(2, 4), path)["fallbacks"] == []
    assert not [r for r in caplog.records if r.name == "modelexport"]


def test_the_error_is_ours_when_nothing_helps(path: Path) -> None:
    with pytest.raises(modelexport.UnsupportedOperatorError, match=r"special_airy_ai\.default \(1 call"):
        modelexport.export(Model(torch.special.airy_ai), torch.randn(2, 4), path)
    assert not list(path.parent.iterdir())
