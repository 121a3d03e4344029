"""Every exception of the package is raised by the condition that its name says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from bench.core_bench import Deep, deepen
from torch import Tensor, nn
from torch.export import ExportedProgram

import modelexport
from modelexport import exceptions
from modelexport.core import tag_utils
from tests.api.models import Net

Provoke = Callable[[Path, pytest.MonkeyPatch], Any]
PROVOKED: dict[type[Exception], tuple[Provoke, str]] = {}


def provokes(kind: type[Exception], message: str) -> Callable[[Provoke], Provoke]:
    """Registers what must raise ``kind`` with a message that matches."""

    def register(function: Provoke) -> Provoke:
        PROVOKED[kind] = function, message
        return function

    return register


def captured(model: nn.Module, *inputs: Tensor, **options: Any) -> ExportedProgram:
    return torch.export.export(model.eval(), inputs, **options)


@provokes(exceptions.InvalidInputError, "missing a required argument: 'x'")
def no_inputs(path: Path, _: pytest.MonkeyPatch) -> None:
    modelexport.export(Net(), (), path)


class Shy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():
            raise RuntimeError("not to be exported")
        return x * 2


@provokes(exceptions.CaptureError, "torch.export cannot capture Shy: .*not to be exported")
def no_capture(path: Path, _: pytest.MonkeyPatch) -> None:
    modelexport.export(Shy(), torch.ones(2), path)


class Airy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.special.airy_ai(x)


class Shrink(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(x, scale_factor=0.37)


@provokes(exceptions.UnsupportedOperatorError, r"aten\.special_airy_ai\.default \(1 call")
def no_operator(path: Path, _: pytest.MonkeyPatch) -> None:
    modelexport.export(Airy(), torch.ones(2), path, fallback=False)


@provokes(exceptions.OutputError, "the folder .* does not exist")
def no_folder(path: Path, _: pytest.MonkeyPatch) -> None:
    modelexport.export(Net(), torch.randn(3, 4), path.parent / "nowhere" / "model.onnx")


@provokes(exceptions.ContextInheritanceError, "2 operations have no module record and no neighbours")
def no_record(path: Path, _: pytest.MonkeyPatch) -> None:
    """Torch forgot which module every call came from."""
    program = captured(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), torch.randn(3, 4))
    for node in program.graph.nodes:
        node.meta.pop("nn_module_stack", None)
    modelexport.export(program, None, path, require_context=True)


@provokes(exceptions.InternalError, r"the lowering of aten::relu gives 1 results, torch has 2")
def wrong_record(path: Path, _: pytest.MonkeyPatch) -> None:
    """A lowering and torch do not agree on what a call returns."""
    program = captured(nn.Sequential(nn.ReLU()), torch.randn(3, 4))
    relu = next(node for node in program.graph.nodes if node.op == "call_function")
    relu.meta["val"] = (relu.meta["val"], relu.meta["val"])
    modelexport.export(program, None, path)


@provokes(exceptions.AuxiliaryOperationError, r"the size .*[Bb]itwise.* cannot be computed in ONNX")
def no_size(path: Path, _: pytest.MonkeyPatch) -> None:
    """By its record, a result is of a size that has no ONNX form."""
    program = torch.export.export(Shrink(), (torch.ones(1, 1, 10),), dynamic_shapes=({2: torch.export.Dim.DYNAMIC},))
    *_, given, resized, _ = program.graph.nodes
    length = given.meta["val"].shape[2]
    resized.meta["val"] = given.meta["val"].new_empty(1, 1, length & 6)
    modelexport.export(program, None, path)


@provokes(exceptions.CoverageValidationError, r"1 of 5 nodes cannot be traced to a module call: Tanh '.*' \(no tag\)")
def tag_lost(path: Path, _: pytest.MonkeyPatch) -> None:
    """Another tool has dropped the metadata of a node."""
    modelexport.export(Net(depth=1), torch.randn(3, 4), path)
    assert tag_utils.check_coverage(path) == 5
    model = onnx.load(path)
    del next(node for node in model.graph.node if node.op_type == "Tanh").metadata_props[:]
    onnx.save(model, path)
    try:
        tag_utils.check_coverage(path)
    finally:
        for file in path.parent.iterdir():
            file.unlink()


class Alternating(nn.Module):
    """Its second call computes something else."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * self.calls


@provokes(exceptions.VerificationError, "gives another .* than Alternating")
def not_the_same(path: Path, _: pytest.MonkeyPatch) -> None:
    modelexport.export(Alternating(), torch.ones(2), path, verify=True)


@provokes(exceptions.MemoryLimitError, r"the limit of 1 MB \(MODELEXPORT_MEMORY_LIMIT_MB\) would be exceeded")
def little_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = captured(Deep(), torch.randn(2, 4, 16))
    deepen(program, 1000)
    monkeypatch.setenv("MODELEXPORT_MEMORY_LIMIT_MB", "1")
    modelexport.export(program, None, path)


@pytest.mark.parametrize("kind", PROVOKED, ids=lambda kind: kind.__name__)
def test_raised_by_its_condition(kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provoke, message = PROVOKED[kind]
    with pytest.raises(exceptions.ModelExportError, match=message) as caught:
        provoke(tmp_path / "model.onnx", monkeypatch)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_every_exception_is_provoked() -> None:
    tree = {kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert all(issubclass(kind, exceptions.ModelExportError) for kind in tree)
    assert tree - {exceptions.ModelExportError} == set(PROVOKED)
