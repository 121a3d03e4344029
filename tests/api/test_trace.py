"""MODELEXPORT_ENABLE_PROFILING: the Chrome trace beside the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import modelexport
from modelexport.exceptions import OutputError


def _export(folder: Path) -> None:
    modelexport.export(torch.nn.Linear(4, 2), torch.randn(3, 4), folder / "model.onnx")


def test_trace_holds_the_stages_in_order_within_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELEXPORT_ENABLE_PROFILING", "1")
    _export(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"model.onnx", "model_hierarchy.json", "model_trace.json"}
    events = json.loads((tmp_path / "model_trace.json").read_text())["traceEvents"]
    assert all(event["ph"] == "X" and event["dur"] >= 0 for event in events)
    whole, *stages = events
    assert whole["name"] == "export"
    assert [event["ts"] for event in events] == sorted(event["ts"] for event in events)
    # Rounding of the clocks' seconds stays below a microsecond.
    assert all(event["ts"] >= -1 and event["ts"] + event["dur"] <= whole["dur"] + 1 for event in stages)
    names = [event["name"] for event in stages]
    order = ["capture", "read", "lower", "passes", "tag", "write"]
    assert [name for name in names if name in order] == order
    # Microseconds: what is not in a stage is little beside the capture.
    assert sum(event["dur"] for event in stages if event["name"] in order) > whole["dur"] / 10


def test_without_profiling_there_is_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODELEXPORT_ENABLE_PROFILING", raising=False)
    _export(tmp_path)
    assert not (tmp_path / "model_trace.json").exists()


def test_a_trace_that_cannot_be_written_leaves_no_debris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELEXPORT_ENABLE_PROFILING", "1")
    (tmp_path / "model_trace.json").mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*model_trace\.json: it is a folder"):
        _export(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"model.onnx", "model_hierarchy.json", "model_trace.json"}
