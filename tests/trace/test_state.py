"""After a trace, everything is as it was before; what it says of data that it followed."""

from __future__ import annotations

import gc
import json
import logging
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.onnx import TrainingMode

import modelexport
from modelexport import pre_dispatch
from modelexport.inputs import call_inputs
from modelexport.stand_ins import told_apart
from modelexport.tracing import Trace
from tests.models.parity import assert_parity
from tests.trace.adversaries.data import branch_on_data, limited_weight, swapped_data
from tests.trace.adversaries.state import (
    counted_in_object,
    kept_in_nested_object,
    write_to_buffer,
    write_to_input,
    write_to_parameter,
)
from tests.trace.adversaries.tricky import Tricky


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def traced(model: nn.Module, inputs: Any, path: Path, **options: Any) -> dict[str, Any]:
    result = modelexport.export(model, inputs, str(path), capture="trace", **options)
    assert result["capture"]["by"] == "trace", result["capture"]
    return result


@pytest.mark.parametrize("body", [write_to_input, write_to_parameter, write_to_buffer, limited_weight, swapped_data])
def test_writes_are_undone(body: Any, path: Path) -> None:
    model = Tricky(body).eval()
    x = torch.randn(2, 4)
    before = {name: (value.clone(), value._version) for name, value in model.state_dict(keep_vars=True).items()}
    given = x.clone()
    traced(model, x, path)
    assert torch.equal(x, given)
    for name, value in model.state_dict(keep_vars=True).items():
        assert torch.equal(value, before[name][0]), name


@pytest.mark.parametrize("body", [counted_in_object, kept_in_nested_object])
def test_objects_that_modules_hold_are_as_before(body: Any) -> None:
    model = Tricky(body).eval()
    call = call_inputs(model, torch.randn(2, 4), None, None)
    with torch.no_grad():
        Trace(model, call, specialise=False)
    notes, others = model.notes
    assert (notes.steps, others["more"].tensors) == (0, [])


def test_statistics_of_a_model_in_training_are_undone(path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.InstanceNorm2d(4, track_running_stats=True))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    result = traced(model, torch.randn(2, 3, 8, 8), path, training=TrainingMode.TRAINING)
    assert {name: value.tolist() for name, value in model.state_dict().items()} == {
        name: value.tolist() for name, value in before.items()
    }
    assert result["capture"]["specialised"] == []


def test_torch_is_as_before(path: Path) -> None:
    names = ("tolist", "numpy", "data", "__repr__", "new_tensor", "untyped_storage")
    before = [vars(torch.Tensor).get(name) for name in names], torch.tensor, nn.Module._call_impl
    look_up = torch._ops.OpOverload._get_dispatch
    traced(nn.Linear(2, 2), torch.ones(1, 2), path)
    with pytest.raises(modelexport.InvalidInputError):
        modelexport.export(nn.Linear(2, 2), torch.ones(1, 3), str(path), capture="trace")
    assert ([vars(torch.Tensor).get(name) for name in names], torch.tensor, nn.Module._call_impl) == before
    assert torch._ops.OpOverload._get_dispatch is look_up
    assert not torch.compiler.is_exporting()
    assert torch.tensor([torch.tensor(1), torch.tensor(2)]).tolist() == [1, 2]


class Deep(nn.Module):
    """Looks, in its last layer, whether the activation of its first is still there."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        first = self.layers[0](x)
        reference = weakref.ref(first)
        x = self.layers[1](first)
        del first
        gc.collect()
        assert reference() is None, "kept alive"
        return self.layers[2](x)


def test_activations_are_let_go(path: Path) -> None:
    model = Deep()
    traced(model, torch.randn(2, 4), path)
    assert_parity(model, path, (torch.randn(2, 4),), {})


def test_nothing_is_left_of_a_trace(path: Path) -> None:
    model = nn.Linear(4, 4)
    reference = weakref.ref(model.weight)
    traced(model, torch.randn(2, 4), path)
    del model
    gc.collect()
    assert reference() is None


def test_data_that_decides_sends_the_model_on_and_says_where(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = nn.Sequential(nn.Linear(4, 4), Tricky(branch_on_data))
    with caplog.at_level(logging.WARNING, "modelexport"):
        modelexport.export(model, torch.ones(2, 4), str(path), capture="trace")
    line = branch_on_data.__code__.co_firstlineno + 2  # the decorator is the first
    told = [record.getMessage() for record in caplog.records if "not by a trace" in record.getMessage()]
    assert len(told) == 1
    assert "aten::is_nonzero" in told[0]
    assert f"(1, {branch_on_data.__code__.co_filename}:{line})" in told[0]


def test_specialising_takes_the_branch_and_records_it(path: Path) -> None:
    model = Tricky(branch_on_data).eval()
    result = traced(model, torch.ones(2, 4), path, trace_data_dependent="specialise")
    (place,) = result["capture"]["specialised"]
    assert "aten::is_nonzero" in place
    sidecar = json.loads(path.with_name("model_hierarchy.json").read_text())
    assert sidecar["exporter"]["capture"] == "trace"
    assert sidecar["exporter"]["specialised"] == [place]
    assert_parity(model, path, (torch.rand(2, 4),), {})


def test_dynamic_axes_go_to_torch_export(path: Path) -> None:
    result = modelexport.export(
        nn.Linear(4, 4), {"input": torch.ones(2, 4)}, str(path), capture="trace", dynamic_axes={"input": {0: "batch"}}
    )
    assert result["capture"]["by"] == "torch.export"
    assert "dynamic" in result["capture"]["untraced"]


def test_the_same_tensor_twice_is_two_inputs(path: Path) -> None:
    class Sum(nn.Module):
        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return a - 2 * b

    x = torch.randn(3)
    traced(Sum(), (x, x), path)
    assert_parity(Sum(), path, (torch.randn(3), torch.randn(3)), {})


def test_a_module_reached_through_one_with_two_names_goes_to_torch_export(path: Path) -> None:
    model = Tricky(lambda m, x: m.block[0](x) + m.same[0](2 * x)).eval()
    model.block = model.same = nn.Sequential(nn.Linear(4, 4))
    capture = modelexport.export(model, torch.randn(2, 4), str(path), capture="trace")["capture"]
    assert capture["by"] == "torch.export"
    assert "block.0 is also known as same.0" in capture["untraced"]
    assert_parity(model, path, (torch.randn(2, 4),), {})


def test_a_module_with_an_end_of_its_own_gets_no_double() -> None:
    class Ending(nn.Linear):
        def __del__(self) -> None:
            """Gives something back."""

    model = nn.ModuleList([layer := nn.Linear(4, 4), layer, ending := Ending(4, 4), ending])
    with told_apart(model):
        assert model[0] is layer
        assert model[1] is not layer
        assert model[2] is model[3] is ending
    assert list(model) == [layer, layer, ending, ending]


def test_torch_without_pre_dispatch_modes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pre_dispatch, "unavailable", lambda: "torch 9 has none")
    result = modelexport.export(nn.Linear(2, 2), torch.ones(1, 2), str(path), capture="trace")
    assert result["capture"] == {"by": "torch.export", "untraced": "torch 9 has none"}
