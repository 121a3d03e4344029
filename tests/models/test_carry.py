"""Tags that are carried over to what optimisers and quantizers make are right by the region check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import modelexport
from tests.models.carrying import MODELS, TOOLS, carried, measure

Exported = tuple[torch.nn.Module, dict[str, Any], Path]


def exported(name: str, folder: Path) -> Exported:
    torch.manual_seed(0)
    model, inputs = MODELS[name]()
    path = folder / f"{name}.onnx"
    modelexport.export(model.eval(), inputs, path, fallback=False)
    return model, inputs, path


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return exported("bert", tmp_path_factory.mktemp("carry"))


@pytest.mark.parametrize("tool", TOOLS)
def test_transformer(tool: str, bert: Exported) -> None:
    model, inputs, path = bert
    found = measure(model, inputs, carried(path, tool), tool)
    assert not found.failures
    assert found.provenance["fallback"] == 0
    # Nodes that the tool made have neighbours only; what it kept is known.
    assert found.provenance["inherited"] <= 0.4 * found.nodes


def test_blocked_layout(tmp_path: Path) -> None:
    """onnxruntime renames every tensor of a convolution, and fuses batch norm, sum and activation into it."""
    model, inputs, path = exported("resnet", tmp_path)
    found = measure(model, inputs, carried(path, "onnxruntime all"), "onnxruntime all")
    assert not found.failures
    assert found.provenance["merged"] + found.provenance["exact"] == found.nodes
