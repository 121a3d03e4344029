"""A trace gives the file that torch.export's program gives: the same operators, tags, names and weights."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch

import modelexport
from tests.models.handmade import HANDMADE
from tests.models.parity import assert_parity, assert_valid
from tests.trace.comparison import described


@pytest.mark.parametrize("name", HANDMADE)
def test_handmade(name: str, tmp_path: Path) -> None:
    case = HANDMADE[name]
    model = case.build().eval()
    args, kwargs = case.inputs()
    files = {}
    for capture in ("trace", "export"):
        path = tmp_path / f"{capture}.onnx"
        result = modelexport.export(model, args or kwargs, str(path), capture=capture, fallback=False)
        assert result["capture"]["by"] == {"trace": "trace", "export": "torch.export"}[capture]
        files[capture] = described(onnx.load(str(path)))
    assert files["trace"] == files["export"]
    assert_valid(tmp_path / "trace.onnx")
    torch.manual_seed(3)
    assert_parity(model, tmp_path / "trace.onnx", *case.inputs())
