"""Every model: a valid file, results equal to eager's on new inputs, and tags that hold what they say."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch

import modelexport
from modelexport.region_check import check_regions
from tests.models.handmade import HANDMADE
from tests.models.parity import assert_parity, assert_valid, feeds, session
from tests.models.zoo_models import REAL_MODELS, Case

CASES = {**REAL_MODELS, **HANDMADE}


def count_nodes(graph: onnx.GraphProto) -> int:
    """Nodes of a graph and of the bodies inside it."""
    bodies = [a.g for node in graph.node for a in node.attribute if a.HasField("g")]
    return len(graph.node) + sum(count_nodes(body) for body in bodies)


@pytest.mark.parametrize("name", CASES)
def test_exports_with_parity_and_right_tags(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    case: Case = CASES[name]
    model = case.build().eval()
    args, kwargs = case.inputs()
    path = tmp_path / "model.onnx"
    result = modelexport.export(model, args or kwargs, str(path), fallback=False)
    assert result["tagged_operations"] == result["total_operations"]
    graph = assert_valid(path).graph
    assert result["total_operations"] == count_nodes(graph)
    assert_parity(model, path, args, kwargs)
    torch.manual_seed(1)
    other_args, other_kwargs = case.inputs()
    assert_parity(model, path, other_args, other_kwargs)
    report = check_regions(model, other_args, other_kwargs, path, feeds(session(path), other_args, other_kwargs))
    assert report.checked > 0
    assert not report.failures, report.failures


@pytest.mark.parametrize("name", HANDMADE)
@pytest.mark.parametrize("opset", [14, 17, 18, 21, 23, 28])
@pytest.mark.parametrize("settings", [{}, {"do_constant_folding": False}, {"optimize": True}], ids=str)
def test_every_setting_gives_the_same_results(name: str, opset: int, settings: dict[str, bool], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = HANDMADE[name].build().eval()
    args, kwargs = HANDMADE[name].inputs()
    path = tmp_path / "model.onnx"
    modelexport.export(model, args or kwargs, str(path), opset_version=opset, fallback=False, **settings)
    assert_valid(path)
    assert_parity(model, path, *HANDMADE[name].inputs())
