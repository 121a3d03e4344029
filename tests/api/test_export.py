"""modelexport.export: what goes in, what comes out, and by which names."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import onnx
import pytest
import torch

import modelexport
from tests.api.models import Nested, Net, OwnDict
from tests.api.running import assert_same, checked, input_dims, run

CORE_KEYS = {
    "output_path": str,
    "onnx_path": str,
    "strategy": str,
    "total_operations": int,
    "tagged_operations": int,
    "operation_trace_length": int,
    "native_op_regions": int,
    "builtin_tracking_enabled": bool,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def test_writes_the_model_and_its_sidecar(path: Path) -> None:
    model = Net().eval()
    result = modelexport.export(model, torch.randn(3, 4), path)
    proto = checked(path)
    assert {type(result[key]) for key in CORE_KEYS} and all(type(result[key]) is t for key, t in CORE_KEYS.items())
    assert result["output_path"] == result["onnx_path"] == str(path)
    assert result["strategy"] == "htp_builtin"
    assert result["total_operations"] == result["tagged_operations"] == len(proto.graph.node)
    sidecar = json.loads((path.parent / "model_hierarchy.json").read_text())
    assert len(sidecar["node_tags"]) == len(proto.graph.node)
    assert sorted(p.name for p in path.parent.iterdir()) == ["model.onnx", "model_hierarchy.json"]


@pytest.mark.parametrize("inputs", [torch.randn(3, 4), (torch.randn(3, 4),), [torch.randn(3, 4)]], ids=type)
def test_takes_a_tensor_or_a_sequence(inputs: object, path: Path) -> None:
    modelexport.export(Net(), inputs, path)
    assert input_dims(checked(path)) == {"x": [3, 4]}


def test_takes_keyword_arguments_and_none(path: Path) -> None:
    model = Net().eval()
    x, scale = torch.randn(3, 4), torch.randn(4)
    modelexport.export(model, {"scale": scale, "x": x}, path)
    assert_same(run(path, {"x": x, "scale": scale}), model(x, scale))
    modelexport.export(model, {"x": x, "scale": None}, path)
    assert_same(run(path, {"x": x}), model(x))
    modelexport.export(model, x, path, kwargs={"scale": scale})
    assert list(input_dims(checked(path))) == ["x", "scale"]


def test_passes_on_what_is_no_container_of_tensors(path: Path, tmp_path: Path) -> None:
    class Logging(torch.nn.Module):
        def forward(self, x: torch.Tensor, log: io.TextIOBase) -> torch.Tensor:
            log.write("called")
            return x + 1

    x = torch.randn(2)
    with (tmp_path / "log").open("w") as log:
        modelexport.export(Logging(), {"x": x, "log": log}, path)
    assert_same(run(path, {"x": x}), x + 1)


def test_takes_the_dict_that_is_the_only_argument(path: Path) -> None:
    batch = {"a": torch.randn(2), "b": torch.randn(2)}
    modelexport.export(OwnDict(), batch, path)
    actual = run(path, {"batch_a": batch["a"], "batch_b": batch["b"]})
    assert_same(actual, OwnDict()(batch))


def test_names_nested_inputs_and_outputs_by_their_keys(path: Path) -> None:
    x, scale, term = torch.randn(2), torch.randn(2), torch.randn(2)
    extra = {"scale": scale, "terms": [term]}
    modelexport.export(Nested(), (x, extra), path)
    actual = run(path, {"x": x, "extra_scale": scale, "extra_terms_0": term})
    assert list(actual) == ["output_0", "output_1_pair_0", "output_1_pair_1"]
    assert_same(actual, Nested()(x, extra))


class Pair(NamedTuple):
    first: torch.Tensor
    second: list[torch.Tensor]


@dataclasses.dataclass
class Result:
    total: torch.Tensor
    parts: dict[str, torch.Tensor]
    nothing: None = None


@pytest.mark.parametrize(
    ("returned", "names"),
    [
        (lambda x: x + 1, ["output"]),
        (lambda x: (x + 1,), ["output_0"]),
        (lambda x: Pair(x + 1, [x * 2, x * 3]), ["first", "second_0", "second_1"]),
        (lambda x: Result(x + 1, {"a": x * 2}), ["total", "parts_a"]),
        (lambda x: {"a": {"b": x + 1}, "a_b": x * 2}, ["a_b", "a_b_1"]),
        (lambda x: {"x": x * 2}, ["x_1"]),
        (lambda x: {1: x * 2, "n": None}, ["output_1"]),
        (lambda x: {"same": x, "again": x}, ["same", "again"]),
        (lambda x: OrderedDict(b=x + 1, a=torch.ones(2)), ["b", "a"]),
    ],
    ids=["tensor", "tuple", "namedtuple", "dataclass", "collision", "input", "number", "twice", "ordered"],
)
def test_output_structures(returned: Callable[[torch.Tensor], object], names: list[str], path: Path) -> None:
    class Returning(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> object:
            return returned(x)

    x = torch.randn(2)
    modelexport.export(Returning(), x, path)
    checked(path)
    actual = run(path, {"x": x})
    assert list(actual) == names
    assert_same(actual, returned(x))


def test_an_exported_program_needs_no_inputs(path: Path) -> None:
    model = Net().eval()
    x = torch.randn(3, 4)
    program = torch.export.export(model, (x,))
    modelexport.export(program, None, path)
    assert_same(run(path, {"x": x}), model(x))
    modelexport.export(program, (x,), path)
    with pytest.raises(modelexport.InvalidInputError, match="do not fit the captured program"):
        modelexport.export(program, (x, x), path)
    with pytest.raises(modelexport.InvalidInputError, match="dynamic_axes cannot be given"):
        modelexport.export(program, None, path, dynamic_axes={"x": [0]})


def test_honours_names(path: Path) -> None:
    model = Net().eval()
    x, scale = torch.randn(3, 4), torch.randn(4)
    modelexport.export(model, (x, scale), path, input_names=["a", "b"], output_names=["p", "q"])
    actual = run(path, {"a": x, "b": scale})
    assert list(actual) == ["p", "q"]
    assert_same(actual, model(x, scale))


def test_input_names_that_are_the_arguments_own_stay_with_them(path: Path) -> None:
    model = Net().eval()
    x, scale = torch.randn(3, 4), torch.randn(4)
    modelexport.export(model, {"scale": scale, "x": x}, path, input_names=["x", "scale"])
    assert_same(run(path, {"x": x, "scale": scale}), model(x, scale))


@pytest.mark.parametrize("opset", range(14, 24))
def test_every_opset(opset: int, path: Path) -> None:
    model = Net().eval()
    x = torch.randn(3, 4)
    result = modelexport.export(model, x, path, opset_version=opset)
    assert result["opset_version"] == opset
    assert [o.version for o in checked(path).opset_import if not o.domain] == [opset]
    assert_same(run(path, {"x": x}), model(x))


def test_external_data(path: Path) -> None:
    model = Net(width=64).eval()  # its weights are large enough to leave the file
    x = torch.randn(3, 64)
    modelexport.export(model, x, path, external_data=True)
    assert {p.name for p in path.parent.iterdir()} > {"model.onnx", "model_hierarchy.json"}
    assert_same(run(path, {"x": x}), model(x))


def test_parameters_as_inputs(path: Path) -> None:
    model = Net().eval()
    x = torch.randn(3, 4)
    modelexport.export(model, x, path, export_params=False)
    proto = checked(path)
    parameters = dict(model.named_parameters())
    assert set(input_dims(proto)) >= {"x", *parameters}
    assert not {i.name for i in proto.graph.initializer} & set(parameters)

    modelexport.export(model, x, path, keep_initializers_as_inputs=True)
    proto = checked(path)
    assert next(iter(input_dims(proto))) == "x"
    assert {i.name for i in proto.graph.initializer} >= {i.name for i in proto.graph.input} - {"x"}
    assert "head.bias" in input_dims(proto)
    assert_same(run(path, {"x": x}), model(x))


def test_metadata_levels(path: Path) -> None:
    keys = {}
    for level in ("full", "minimal", "none"):
        result = modelexport.export(Net(), torch.randn(3, 4), path, metadata=level)
        keys[level] = {entry.key for node in checked(path).graph.node for entry in node.metadata_props}
        assert result["tagged_operations"] == result["total_operations"]
    assert "pkg.torch.onnx.name_scopes" in keys["full"]
    assert keys["minimal"] and all(key.startswith("modelexport.") for key in keys["minimal"])
    assert not keys["none"]


def test_verbose_speaks_through_the_logger(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    modelexport.export(Net(), torch.randn(3, 4), path)
    assert not [r for r in caplog.records if r.name == "modelexport"]
    level = logging.getLogger("modelexport").level
    modelexport.export(Net(), torch.randn(3, 4), path, verbose=True)
    assert any(str(path) in r.getMessage() for r in caplog.records if r.name == "modelexport")
    assert logging.getLogger("modelexport").level == level


def test_same_input_same_bytes(path: Path) -> None:
    model = Net()
    x = torch.randn(3, 4)
    modelexport.export(model, x, path)
    first = path.read_bytes()
    modelexport.export(model, x, path)
    assert path.read_bytes() == first


def test_weights_are_the_parameters(path: Path) -> None:
    model = Net()
    modelexport.export(model, torch.randn(3, 4), path)
    initializers = {i.name: onnx.numpy_helper.to_array(i) for i in onnx.load(path).graph.initializer}
    torch.testing.assert_close(torch.from_numpy(initializers["head.bias"].copy()), model.head.bias.detach())
