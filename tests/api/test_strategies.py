"""Strategies beside the native one: torch's exporters write the file, tags are projected onto its nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import Tensor, nn

import modelexport
from modelexport.region_check import check_regions
from modelexport.strategies.htp.htp_hierarchy_exporter import HierarchyExporter
from modelexport.strategies.usage_based import UsageBasedExporter
from modelexport.unified_export import ExportStrategy, UnifiedExporter, export_model
from tests.api.models import Failing, Net
from tests.api.running import assert_same, checked, input_dims, run


class Layered(nn.Module):
    """Lists, a Sequential, a module that runs twice, and one that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(6, 6), nn.GELU()) for _ in range(2))
        self.shared = nn.Linear(6, 6)
        self.unused = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = self.shared(layer(x))
        return torch.tanh(x)


class Branching(nn.Module):
    """Only tracing can export it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():
            raise RuntimeError("not to be exported")
        return self.linear(x) if x.sum() > 0 else x


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def modules_of(path: Path) -> set[str]:
    nodes = onnx.load(path).graph.node
    return {p.value for node in nodes for p in node.metadata_props if p.key == "modelexport.module"}


def projected(**keywords: Any) -> HierarchyExporter:
    return HierarchyExporter(builtin_tracking=False, **keywords)


@pytest.mark.parametrize("opset, exporter", [(14, "torchscript"), (17, "torchscript"), (18, "dynamo"), (23, "dynamo")])
def test_torchs_exporter_follows_the_opset(path: Path, opset: int, exporter: str) -> None:
    model, x = Layered().eval(), torch.randn(2, 6)
    result = projected().export(model, x, path, opset_version=opset)
    assert (result["strategy"], result["builtin_tracking_enabled"]) == ("htp", False)
    assert result["torch_exporter"] == exporter
    assert checked(path).opset_import[0].version == opset
    assert_same(run(path, {"x": x}), model(x))
    assert {"layers.0.0", "layers.1.0", "shared"} <= modules_of(path)
    assert "unused" not in modules_of(path)


def test_projected_tags_are_right_where_names_have_scopes(path: Path) -> None:
    model, x = Layered().eval(), torch.randn(2, 6)
    projected().export(model, x, path, opset_version=17)
    report = check_regions(model, (x,), {}, path, {"x": x.numpy()})
    assert report.checked == 9
    assert not report.failures


def test_names_shapes_and_modes_are_as_the_native_path_has_them(path: Path) -> None:
    model, x = Net().train(), torch.randn(1, 4)
    keywords = {"dynamic_axes": {"x": {0: "batch"}}, "input_names": ["x"]}
    for exporter in (projected(), UsageBasedExporter()):
        exporter.export(model, x, path, **keywords)
        file = checked(path)
        assert input_dims(file) == {"x": ["batch", 4]}
        assert [output.name for output in file.graph.output] == ["features", "logits"]
        assert model.training
        many = torch.randn(5, 4)
        assert_same(run(path, {"x": many}), model.eval()(many))
        model.train()


def test_usage_based_knows_only_what_ran(path: Path) -> None:
    model, x = Layered().eval(), torch.randn(2, 6)
    result = UsageBasedExporter(enable_performance_monitoring=True).export(model, x, path)
    assert result["strategy"] == "usage_based"
    # The root, two Sequentials with two modules each, and shared twice.
    assert result["operation_trace_length"] == 1 + 2 * 3 + 2
    assert modules_of(path) <= {"", "layers.0.0", "layers.0.1", "layers.1.0", "layers.1.1", "shared"}
    assert_same(run(path, {"x": x}), model(x))


def test_usage_based_without_scoped_names(path: Path) -> None:
    """Past the TorchScript exporter's last opset, the names of weights decide."""
    model, x = Layered().eval(), torch.randn(2, 6)
    result = UsageBasedExporter().export(model, x, path, opset_version=21)
    assert result["torch_exporter"] == "dynamo"
    assert {"layers.0.0", "layers.1.0", "shared"} <= modules_of(path)
    with pytest.raises(modelexport.InvalidInputError, match=r"needs a torch.nn.Module"):
        UsageBasedExporter().export(torch.export.export(model, (x,)), None, path)


def test_external_data_comes_along(path: Path) -> None:
    model, x = nn.Sequential(nn.Linear(64, 64)), torch.randn(2, 64)
    result = projected().export(model, x, path, external_data=True)
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "model.onnx",
        "model.onnx.data",
        "model_hierarchy.json",
    ]
    assert result["file_bytes"] == path.stat().st_size + path.with_name("model.onnx.data").stat().st_size
    assert_same(run(path, {"input": x}), model(x))


def test_an_exported_program_is_projected_too(path: Path) -> None:
    model, x = Layered().eval(), torch.randn(2, 6)
    projected().export(torch.export.export(model, (x,)), None, path, output_names=["y"])
    assert_same(run(path, {"x": x}), model(x))
    assert {"layers.0.0", "layers.1.0", "shared"} <= modules_of(path)


@pytest.mark.parametrize("monitoring", [False, True])
def test_every_strategy_gives_the_same_keys(monitoring: bool, path: Path) -> None:
    exporters: list[Any] = [
        HierarchyExporter(enable_performance_monitoring=monitoring),
        HierarchyExporter(builtin_tracking=False, enable_performance_monitoring=monitoring),
        UsageBasedExporter(enable_performance_monitoring=monitoring),
        UnifiedExporter(ExportStrategy.AUTO, enable_monitoring=monitoring),
    ]
    first, *others = [exporter.export(Net(), torch.randn(3, 4), path).keys() for exporter in exporters]
    assert all(keys == first for keys in others)


def test_auto_is_htp_where_htp_can(path: Path) -> None:
    result = UnifiedExporter(ExportStrategy.AUTO).export(Net(), torch.randn(3, 4), path)
    assert result["strategy"] == "htp_builtin"
    assert "fallback_reason" not in result


def test_auto_falls_back_and_says_why(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, x = Branching(), torch.ones(2, 2)
    with pytest.raises(modelexport.CaptureError):
        export_model(model, x, path, strategy="htp")
    result = export_model(model, x, path, strategy="auto", enable_monitoring=True)
    assert result["strategy"] == "usage_based"
    assert result["fallback_reason"].startswith("CaptureError: torch.export cannot capture Branching")
    assert "falling back to usage_based" in caplog.text
    assert result["export_time"] > 0
    assert_same(run(path, {"x": x}), model(x))


def test_auto_does_not_hide_wrong_input(path: Path) -> None:
    with pytest.raises(modelexport.InvalidInputError, match="missing a required argument"):
        export_model(Net(), (), path, strategy="auto")


def test_what_torch_cannot_export_leaves_nothing(path: Path) -> None:
    with pytest.raises(modelexport.CaptureError, match=r"torch.onnx.export cannot export Failing: dynamo: "):
        projected().export(Failing(), torch.randn(2, 2), path)
    with pytest.raises(modelexport.InvalidInputError, match=r"forward fails on the inputs \(x float32\[2, 3\]\)"):
        projected().export(Failing(), torch.randn(2, 3), path)
    with pytest.raises(modelexport.InvalidInputError, match="buffer_outputs is not available"):
        projected().export(Net(), torch.randn(3, 4), path, buffer_outputs=True)
    assert list(path.parent.iterdir()) == []
