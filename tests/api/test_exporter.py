"""HierarchyExporter, UnifiedExporter and export_model, as the API reference has them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from modelexport import InvalidInputError
from modelexport.strategies.htp import exceptions
from modelexport.strategies.htp.htp_hierarchy_exporter import HierarchyExporter
from modelexport.unified_export import ExportStrategy, UnifiedExporter, export_model
from tests.api.models import Net
from tests.api.running import assert_same, run

ENHANCED = {
    "export_time": float,
    "auxiliary_operations_coverage": float,
    "context_inheritance_success_rate": float,
    "fallback_strategy_usage": int,
    "auxiliary_operations_analysis": dict,
    "performance_profile": dict,
}
ANALYSIS = {"total_auxiliary_ops", "tagged_auxiliary_ops", "context_inherited", "fallback_tagged", "operation_types"}
PROFILE = {"graph_context_building_time", "context_inheritance_time", "fallback_strategy_time", "memory_peak_usage"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def test_without_monitoring_only_the_core_keys(path: Path) -> None:
    result = HierarchyExporter(strategy="htp").export(
        model=Net(), example_inputs=torch.randn(3, 4), output_path=str(path)
    )
    assert result["tagged_operations"] / result["total_operations"] == 1.0
    assert not set(result) & set(ENHANCED)


def test_monitoring_measures(path: Path) -> None:
    exporter = HierarchyExporter(strategy="htp", enable_performance_monitoring=True, verbose=True)
    result = exporter.export(Net(), torch.randn(3, 4), str(path))
    assert all(type(result[key]) is kind for key, kind in ENHANCED.items())
    assert set(result["auxiliary_operations_analysis"]) == ANALYSIS
    assert set(result["performance_profile"]) >= PROFILE
    profile = result["performance_profile"]
    times = [value for key, value in profile.items() if key.endswith("_time")]
    assert 0 < profile["graph_context_building_time"] < result["export_time"]
    assert 0 < sum(times) < 2 * result["export_time"]
    assert result["auxiliary_operations_coverage"] == 1.0


def test_peak_memory_grows_with_the_work(path: Path) -> None:
    class Copies(torch.nn.Module):
        """Its capture allocates: the constant is made anew, 64 MB of it."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.table().sum()

        @torch.compiler.assume_constant_result
        def table(self) -> torch.Tensor:
            return torch.ones(16, 2**20)

    small = HierarchyExporter(enable_performance_monitoring=True).export(Net(), torch.randn(3, 4), path)
    assert isinstance(small["performance_profile"]["memory_peak_usage"], int)
    assert 0 <= small["performance_profile"]["memory_peak_usage"] < 500


def test_strategies(path: Path) -> None:
    with pytest.raises(InvalidInputError, match="'nonsense' is unknown"):
        HierarchyExporter(strategy="nonsense")
    with pytest.raises(InvalidInputError, match="'nonsense' is unknown"):
        UnifiedExporter(strategy="nonsense")


def test_unified_interface(path: Path) -> None:
    model = Net().eval()
    x = torch.randn(3, 4)
    result = UnifiedExporter(strategy=ExportStrategy.HTP, enable_monitoring=True).export(model, x, str(path))
    assert result["export_time"] > 0
    result = export_model(
        model=model, example_inputs=x, output_path=str(path), strategy="htp", optimize=True, verbose=True
    )
    assert result["strategy"] == "htp_builtin"
    assert_same(run(path, {"x": x}), model(x))


def test_the_documents_exceptions_are_ours() -> None:
    import modelexport

    for name in ("AuxiliaryOperationError", "ContextInheritanceError", "CoverageValidationError"):
        assert getattr(exceptions, name) is getattr(modelexport, name)
        assert issubclass(getattr(exceptions, name), modelexport.ModelExportError)
