"""The choice of the capture from Python, the command line and a configuration file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from modelexport.cli import main
from modelexport.exceptions import InvalidInputError
from modelexport.strategies.htp.htp_hierarchy_exporter import HierarchyExporter
from modelexport.unified_export import export_model

MODEL = """
import torch
model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU())
example_inputs = torch.ones(1, 4)
"""


def captured_by(path: Path) -> str:
    sidecar = json.loads(path.with_name(f"{path.stem}_hierarchy.json").read_text())
    capture: str = sidecar["exporter"]["capture"]
    return capture


@pytest.mark.parametrize(("capture", "by"), [("trace", "trace"), ("export", "torch.export"), ("auto", "trace")])
def test_every_way(capture: str, by: str, tmp_path: Path) -> None:
    source, path, config = (tmp_path / name for name in ("model.py", "model.onnx", "config.json"))
    source.write_text(MODEL)
    assert main(["export", str(source), str(path), "--capture", capture, "--verify"]) == 0
    assert captured_by(path) == by
    config.write_text(json.dumps({"capture": capture, "trace_data_dependent": "specialise", "verify": True}))
    assert main(["export", str(source), str(path), "--config", str(config)]) == 0
    assert captured_by(path) == by
    x = torch.ones(1, 4)
    assert HierarchyExporter().export(nn.Linear(4, 2), x, path, capture=capture)["capture"]["by"] == by
    assert export_model(nn.Linear(4, 2), x, path, capture=capture)["capture"]["by"] == by


def test_an_unknown_way(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidInputError, match="capture must be one of export, trace, auto"):
        HierarchyExporter().export(nn.Linear(4, 2), torch.ones(1, 4), tmp_path / "m.onnx", capture="guess")
    assert main(["export", "model.py", "model.onnx", "--capture", "guess"]) != 0
    assert "--capture: 'guess' is none of export, trace, auto" in capfd.readouterr().err
