"""MODELEXPORT_MEMORY_LIMIT_MB: an error before the limit is crossed, and nothing written."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import torch
from bench.core_bench import Deep, deepen
from torch import nn

import modelexport
from modelexport.monitor import MemoryPeak
from modelexport.strategies.htp.htp_hierarchy_exporter import HierarchyExporter

ROOT = Path(__file__).parents[2]
EXECUTABLE = ROOT / "build" / "modelexport"
CALLS = 20000


@pytest.fixture(scope="module")
def program() -> torch.export.ExportedProgram:
    """A program whose export takes tens of MB."""
    program = torch.export.export(Deep(), (torch.randn(2, 4, 16),))
    deepen(program, CALLS)
    return program


def test_the_limit_is_not_crossed(
    program: torch.export.ExportedProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.onnx"
    for limit in (5, 10, 20):
        monkeypatch.setenv("MODELEXPORT_MEMORY_LIMIT_MB", str(limit))
        peak = MemoryPeak()
        with pytest.raises(modelexport.MemoryLimitError, match=rf"the limit of {limit} MB .* would be exceeded"):
            modelexport.export(program, None, path)
        # The resident set counts pages that are partly free, and what Python takes around the core.
        assert peak.megabytes() <= limit + 4
        assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("MODELEXPORT_MEMORY_LIMIT_MB", "500")
    result = modelexport.export(program, None, path)
    assert result["tagged_operations"] == result["total_operations"] > CALLS


def test_weights_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = nn.Linear(4096, 1024), torch.ones(1, 4096)
    monkeypatch.setenv("MODELEXPORT_MEMORY_LIMIT_MB", "8")
    result = modelexport.export(model, x, tmp_path / "model.onnx")
    assert result["file_bytes"] > 2**24


def test_weights_that_the_export_makes_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(nn.Conv2d(512, 512, 3), nn.BatchNorm2d(512)).eval()
    monkeypatch.setenv("MODELEXPORT_MEMORY_LIMIT_MB", "8")
    path = tmp_path / "model.onnx"
    modelexport.export(model, torch.ones(1, 512, 4, 4), path)
    with pytest.raises(modelexport.MemoryLimitError):
        modelexport.export(model, torch.ones(1, 512, 4, 4), path, optimize=True)


def test_the_torch_exporters_are_refused_where_their_copies_do_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x = nn.Linear(4096, 1024), torch.ones(1, 4096)
    monkeypatch.setenv("MODELEXPORT_MEMORY_LIMIT_MB", "30")
    with pytest.raises(modelexport.MemoryLimitError, match="copies the weights 3 times, which takes 48 MB"):
        HierarchyExporter(builtin_tracking=False).export(model, x, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
    HierarchyExporter(builtin_tracking=False).export(model, x, tmp_path / "model.onnx", external_data=True)


def test_the_native_program_has_the_limit_too(tmp_path: Path) -> None:
    program = torch.export.export(Deep(), (torch.randn(2, 4, 16),))
    deepen(program, 1000)
    torch.export.save(program, tmp_path / "net.pt2")

    def run(limit: str) -> subprocess.CompletedProcess[str]:
        variables = os.environ | {"MODELEXPORT_MEMORY_LIMIT_MB": limit}
        command = [EXECUTABLE, "export", "net.pt2", "net.onnx"]
        return subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)

    failed = run("1")
    assert failed.returncode == 7
    assert failed.stderr.startswith("modelexport: error: ") and "the limit of 1 MB" in failed.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["net.pt2"]
    assert run("100").returncode == 0
    failed = run("1 GB")
    assert failed.returncode == 3
    assert "MODELEXPORT_MEMORY_LIMIT_MB must be a number of megabytes, not '1 GB'" in failed.stderr
