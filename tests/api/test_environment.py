"""MODELEXPORT_AUX_OPS_DEBUG and MODELEXPORT_ENABLE_PROFILING for every strategy and door."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import Tensor, nn

import modelexport
from modelexport.strategies.htp.htp_hierarchy_exporter import HierarchyExporter
from modelexport.strategies.usage_based import UsageBasedExporter

EXECUTABLE = Path(__file__).parents[2] / "build" / "modelexport"


class Shapes(nn.Module):
    """Has auxiliary operations where sizes are dynamic."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        return y * torch.arange(y.shape[0])[:, None]


Export = Callable[..., dict[str, Any]]
WAYS: dict[str, Export] = {
    "htp": HierarchyExporter().export,
    "htp-projected": HierarchyExporter(builtin_tracking=False).export,
    "usage_based": UsageBasedExporter().export,
}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def export(request: pytest.FixtureRequest) -> Export:
    way: Export = request.param
    return way


def test_profiling_monitors_and_writes_a_trace(export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELEXPORT_ENABLE_PROFILING", "1")
    result = export(Shapes(), torch.randn(3, 4), tmp_path / "model.onnx")
    assert result["export_time"] > 0
    assert result["performance_profile"]["memory_peak_usage"] >= 0
    events = json.loads((tmp_path / "model_trace.json").read_text())["traceEvents"]
    assert events[0]["name"] == "export"
    assert events[0]["dur"] == pytest.approx(result["export_time"] * 1e6)
    assert {"capture", "write"} <= {event["name"] for event in events}


def test_each_auxiliary_operation_is_explained(
    export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MODELEXPORT_AUX_OPS_DEBUG", "1")
    path = tmp_path / "model.onnx"
    with caplog.at_level(logging.INFO, "modelexport"):
        export(Shapes(), torch.randn(3, 4), path, dynamic_axes={"x": {0: "batch"}})
    auxiliary = auxiliary_nodes(path)
    assert auxiliary
    said = [record.getMessage() for record in caplog.records if record.getMessage().startswith("auxiliary ")]
    assert len(said) == len(auxiliary)
    assert all(any(name in line for line in said) for name in auxiliary)


def auxiliary_nodes(path: Path) -> list[str]:
    role = onnx.StringStringEntryProto(key="modelexport.role", value="auxiliary")
    return [node.name for node in onnx.load(path).graph.node if role in node.metadata_props]


def test_the_native_program_obeys(tmp_path: Path) -> None:
    batch = {"x": {0: torch.export.Dim("batch")}}
    torch.export.save(torch.export.export(Shapes(), (torch.randn(3, 4),), dynamic_shapes=batch), tmp_path / "net.pt2")
    variables = {"MODELEXPORT_AUX_OPS_DEBUG": "1", "MODELEXPORT_ENABLE_PROFILING": "1"}
    command = [EXECUTABLE, "export", "net.pt2", "net.onnx"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | variables, capture_output=True, text=True, check=True)
    said = done.stderr.splitlines()
    assert [line.split()[1] for line in said] == ["auxiliary"] * len(auxiliary_nodes(tmp_path / "net.onnx"))
    events = json.loads((tmp_path / "net_trace.json").read_text())["traceEvents"]
    assert {"export", "read", "lower", "write"} <= {event["name"] for event in events}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MODELEXPORT_AUX_OPS_DEBUG", "2"),
        ("MODELEXPORT_ENABLE_PROFILING", "maybe"),
        ("MODELEXPORT_MEMORY_LIMIT_MB", "-5"),
        ("MODELEXPORT_MEMORY_LIMIT_MB", "0"),
    ],
)
def test_a_value_that_makes_no_sense(name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(modelexport.InvalidInputError, match=f"{name} must be .*, not '{value}'"):
        modelexport.export(Shapes(), torch.randn(3, 4), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
