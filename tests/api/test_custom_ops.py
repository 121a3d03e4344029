"""Operators of others: kept as nodes of their own domain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from onnx import helper
from torch import Tensor, nn

import modelexport
from tests.api.running import assert_same, run

LIBRARY = "modelexport_tests"


@pytest.fixture(scope="module", autouse=True)
def library() -> Iterator[None]:
    """Operators with arguments of every kind, registered while these tests run."""
    schemas = {
        "every_kind": "(Tensor x, int n, float f, bool b, str s, ScalarType t, int[] ns, float[] fs, bool[] bs, "
        "str[] ss, Scalar c, Device d, MemoryFormat m, int? missing=None, float[] none=[]) -> Tensor",
        "optional": "(Tensor? a, Tensor b, Tensor? c=None, Tensor? d=None) -> Tensor",
        "lists": "(Tensor[] xs, Tensor y, Tensor?[] zs, int n=2) -> Tensor",
        "several": "(Tensor x, SymInt n) -> (Tensor, Tensor, Tensor[])",
        "sized": "(Tensor x, SymInt n, SymInt[] sizes, Tensor y) -> Tensor",
        "count": "(Tensor x) -> SymInt",
        "over.load": "(Tensor x, *, int axis=0) -> Tensor",
        "Add": "(Tensor x, Tensor y) -> Tensor",
        "write": "(Tensor(a!) x) -> ()",
    }
    fakes = {
        "every_kind": lambda x, *_: x.new_empty(x.shape, dtype=torch.float16),
        "optional": lambda a, b, c=None, d=None: b.new_empty(b.shape),
        "lists": lambda xs, y, zs, n=2: y.new_empty((len(xs), *y.shape)),
        "several": lambda x, n: (
            x.new_empty(n),
            x.new_empty(x.shape, dtype=torch.int64),
            [x.new_empty(2), x.new_empty(3)],
        ),
        "sized": lambda x, n, sizes, y: x.new_empty([n, *sizes]),
        "count": lambda x: torch.library.get_ctx().new_dynamic_size(),
        "over": lambda x, *, axis=0: x.new_empty(x.shape),
        "Add": lambda x, y: x.new_empty(x.shape),
        "write": lambda x: None,
    }
    with torch.library._scoped_library(LIBRARY, "DEF") as made:
        for name, schema in schemas.items():
            made.define(name + schema)
        for name, fake in fakes.items():
            overload = next(key for key in schemas if key.split(".")[0] == name)
            torch.library.register_fake(f"{LIBRARY}::{overload}", fake, lib=made)
        yield


class Applied(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


class Model(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.inner = nn.ModuleList([Applied(function)])

    def forward(self, *inputs: Tensor) -> Any:
        return self.inner[0](*inputs)


def kept(function: Any, inputs: Sequence[Tensor], path: Path, **options: Any) -> tuple[onnx.ModelProto, onnx.NodeProto]:
    """The model, checked in full, and its node of the library's domain."""
    result = modelexport.export(Model(function), tuple(inputs), path, custom_ops="keep", **options)
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    (node,) = [node for node in proto.graph.node if node.domain == LIBRARY]
    assert {entry.domain for entry in proto.opset_import} == {"", LIBRARY}
    tags = {entry.key: entry.value for entry in node.metadata_props}
    assert (tags["modelexport.module"], result["fallbacks"]) == ("inner.0", [])
    assert tags["modelexport.op"].startswith(f"{LIBRARY}.{node.op_type}.")
    return proto, node


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def types(proto: onnx.ModelProto) -> dict[str, tuple[int, list[int | str]]]:
    values = [*proto.graph.value_info, *proto.graph.output]
    return {
        value.name: (
            value.type.tensor_type.elem_type,
            [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim],
        )
        for value in values
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def test_arguments_of_every_kind(path: Path) -> None:
    def function(x: Tensor) -> Tensor:
        return torch.ops.modelexport_tests.every_kind(
            x, 3, 0.5, True, "text", torch.float16, [1, -2], [0.25, 1.0], [True, False], ["a", "b"], 2, "cpu",
            torch.channels_last,
        )  # fmt: skip

    proto, node = kept(function, [torch.randn(2, 3)], path)
    assert list(node.input) == ["inputs_0"]
    assert attributes(node) == {
        "n": 3,
        "f": 0.5,
        "b": 1,
        "s": b"text",
        "t": onnx.TensorProto.FLOAT16,
        "ns": [1, -2],
        "fs": [0.25, 1.0],
        "bs": [1, 0],
        "ss": [b"a", b"b"],
        "c": 2,
        "d": b"cpu",
        "m": b"channels_last",
        "none": [],
    }
    kinds = {attribute.name: attribute.type for attribute in node.attribute}
    assert kinds["none"] == kinds["fs"] == onnx.AttributeProto.FLOATS
    assert types(proto)[node.output[0]] == (onnx.TensorProto.FLOAT16, [2, 3])


def test_omitted_tensors_leave_their_places(path: Path) -> None:
    _, node = kept(
        lambda a, b: torch.ops.modelexport_tests.optional(None, a, None, b), [torch.randn(2), torch.randn(3)], path
    )
    assert list(node.input) == ["", "inputs_0", "", "inputs_1"]
    _, node = kept(lambda a: torch.ops.modelexport_tests.optional(a, a), [torch.randn(2)], path)
    assert list(node.input) == ["inputs_0", "inputs_0"]


def test_lists_of_tensors(path: Path) -> None:
    _, node = kept(
        lambda a, b, c: torch.ops.modelexport_tests.lists([a, b], c, [None, a]),
        [torch.randn(2) for _ in range(3)],
        path,
    )
    assert list(node.input) == ["inputs_0", "inputs_1", "inputs_2", "", "inputs_0"]
    assert attributes(node) == {"xs": 2, "zs": 2, "n": 2}


def test_several_results(path: Path) -> None:
    proto, node = kept(lambda x: torch.ops.modelexport_tests.several(x, 4), [torch.randn(5)], path)
    assert attributes(node) == {"n": 4}
    known = types(proto)
    assert [known[name] for name in node.output] == [(1, [4]), (7, [5]), (1, [2]), (1, [3])]


def test_sizes_that_are_known_at_run_time_are_inputs(path: Path) -> None:
    proto, node = kept(
        lambda x, y: torch.ops.modelexport_tests.sized(x, x.shape[0], [7, x.shape[1]], y),
        [torch.randn(4, 5), torch.randn(2)],
        path,
        dynamic_shapes=(({0: "rows", 1: "columns"}, None),),
    )
    assert list(node.input)[:2] == ["inputs_0", "inputs_1"]
    assert len(node.input) == 4 and attributes(node) == {}
    assert types(proto)[node.output[0]] == (1, ["rows", 7, "columns"])
    # What the two sizes are: a scalar and a list, computed from the input.
    cut = onnx.utils.Extractor(proto).extract_model(["inputs_0"], list(node.input)[2:])
    onnx.save(cut, path)
    n, sizes = run(path, {"inputs_0": torch.randn(3, 6)}).values()
    assert (n.shape, n.tolist(), sizes.tolist()) == ((), 3, [7, 6])


def test_a_size_as_result(path: Path) -> None:
    def function(x: Tensor) -> Tensor:
        n = torch.ops.modelexport_tests.count(x)
        torch._check(n >= 0)
        return x.new_ones(n)

    proto, node = kept(function, [torch.randn(4)], path)
    assert types(proto)[node.output[0]] == (onnx.TensorProto.INT64, [])


def test_an_overload_names_itself(path: Path) -> None:
    _, node = kept(lambda x: torch.ops.modelexport_tests.over.load(x, axis=1), [torch.randn(2, 2)], path)
    assert node.op_type == "over"
    assert attributes(node) == {"overload_name": b"load", "axis": 1}


def test_a_name_that_onnx_has_too(path: Path) -> None:
    """Nothing that is known of ONNX's Add holds for the library's: it is not evaluated, and no type is inferred."""
    constant = torch.ones(2)
    _, node = kept(
        lambda x: torch.ops.modelexport_tests.Add(constant, constant) * x, [torch.randn(2)], path, optimize=True
    )
    assert node.op_type == "Add"


def test_operators_that_write_are_refused(path: Path) -> None:
    def function(x: Tensor) -> Tensor:
        y = x + 1
        torch.ops.modelexport_tests.write(y)
        return y

    with pytest.raises(modelexport.UnsupportedOperatorError, match=r"write\.default .* it writes to its arguments"):
        modelexport.export(Model(function), torch.randn(2), path, custom_ops="keep", fallback=False)
    assert not path.exists()


def test_complex_tensors_are_refused(path: Path) -> None:
    z = torch.randn(2, dtype=torch.complex64)
    with pytest.raises(modelexport.UnsupportedOperatorError, match=r"Add\.default .* ONNX has no complex tensors"):
        modelexport.export(Model(torch.ops.modelexport_tests.Add), (z, z), path, custom_ops="keep", fallback=False)


def test_refused_when_not_asked_for(path: Path) -> None:
    with pytest.raises(
        modelexport.UnsupportedOperatorError, match=rf"{LIBRARY}\.Add\.default \(1 call, first in inner\.0\)"
    ):
        modelexport.export(Model(torch.ops.modelexport_tests.Add), (torch.ones(2), torch.ones(2)), path)


def test_aten_falls_back_even_so(path: Path) -> None:
    """``keep`` is about operators of others: what torch can decompose is decomposed."""
    x = torch.randn(2, 4)
    model = Model(lambda x: torch.nn.functional.multi_margin_loss(x, torch.tensor([0, 3])))
    result = modelexport.export(model, x, path, custom_ops="keep")
    assert [fallback["by"] for fallback in result["fallbacks"]] == ["decomposition"]
    assert_same(run(path, {"inputs_0": x}), model(x))
