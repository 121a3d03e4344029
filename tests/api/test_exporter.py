"""HierarchyExporter, UnifiedExporter and export_model, as the API reference has them."""

from __future__ import annotations

import time
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


def test_seconds_are_those_of_the_clock(path: Path) -> None:
    class Sleeps(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            time.sleep(0.3)
            return x + 1

    start = time.perf_counter()
    result = HierarchyExporter(enable_performance_monitoring=True).export(Sleeps(), torch.ones(2), path)
    elapsed = time.perf_counter() - start
    profile = result["performance_profile"]
    assert 0.3 < profile["capture_time"] < result["export_time"] < elapsed < result["export_time"] + 0.1
    assert sum(profile[key] for key in profile if key.endswith("_time") and key != "capture_time") < elapsed - 0.3


def test_peak_memory_is_in_megabytes(path: Path) -> None:
    """The native path copies no weights; torch.onnx.export copies those that go into the file."""
    model, x = torch.nn.Linear(4096, 4096), torch.ones(1, 4096)

    def peak(builtin_tracking: bool) -> int:
        exporter = HierarchyExporter(builtin_tracking=builtin_tracking, enable_performance_monitoring=True)
        for _ in range(2):  # what is imported once does not count
            result = exporter.export(model, x, path)
        usage = result["performance_profile"]["memory_peak_usage"]
        assert isinstance(usage, int)
        return usage

    assert peak(builtin_tracking=True) < 32
    assert 64 <= peak(builtin_tracking=False) < 400


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
