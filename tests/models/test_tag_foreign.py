"""Modules that `modelexport tag` gives to files of torch's exporters are right by the region check."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from modelexport.cli import main as command
from tests.models.carrying import MODELS, measure


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_files_of_torch(exporter: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, inputs = MODELS["resnet"]()
    model.eval()
    theirs, tagged, program = (tmp_path / name for name in ("theirs.onnx", "tagged.onnx", "model.pt2"))
    if exporter == "dynamo":
        torch.onnx.export(model, (), str(theirs), kwargs=inputs, dynamo=True, optimize=False, verbose=False)
    else:
        torch.onnx.export(
            model, (), str(theirs), kwargs=inputs, dynamo=False, opset_version=17, input_names=list(inputs)
        )
    torch.export.save(torch.export.export(model, (), inputs), program)
    assert command(["tag", str(theirs), "--pt2", str(program), "-o", str(tagged)]) == 0
    found = measure(model, inputs, tagged, "torch")
    assert not found.failures
    assert found.provenance["fallback"] == 0
    assert found.provenance["exact"] > 0.6 * found.nodes
