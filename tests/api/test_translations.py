"""``custom_translation_table``: lowerings of users' own, written with onnxscript."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import onnxscript
import pytest
import torch
from onnxscript import FLOAT
from onnxscript import opset20 as op
from torch import Tensor, nn

import modelexport
from modelexport.strategies.htp import HierarchyExporter
from modelexport.unified_export import export_model
from tests.api.running import assert_same, checked, run

LIBRARY = "modelexport_translated"


@pytest.fixture(scope="module", autouse=True)
def library() -> Iterator[None]:
    """Operators that only a translation can lower."""
    with torch.library._scoped_library(LIBRARY, "DEF") as made:
        made.define("scaled(Tensor x, Tensor? bias=None, float scale=2., *, bool negate=False) -> Tensor")
        made.impl("scaled", scaled, "CompositeExplicitAutograd")
        torch.library.register_fake(f"{LIBRARY}::scaled", lambda x, *_, **__: torch.empty_like(x), lib=made)
        made.define("halves(Tensor[] xs, SymInt n) -> (Tensor, Tensor)")
        made.impl("halves", lambda xs, n: tuple((xs[0] + xs[1]).split(n, 0)), "CompositeExplicitAutograd")
        torch.library.register_fake(
            f"{LIBRARY}::halves",
            lambda xs, n: (xs[0].new_empty([n, 2]), xs[0].new_empty([n, 2])),
            lib=made,
        )
        made.define("clamped(Tensor x) -> Tensor")
        made.impl("clamped", lambda x: x.clamp(0, 1) if x.sum() > 0 else -x, "CompositeExplicitAutograd")
        torch.library.register_fake(f"{LIBRARY}::clamped", torch.empty_like, lib=made)
        yield


def scaled(x: Tensor, bias: Tensor | None = None, scale: float = 2.0, *, negate: bool = False) -> Tensor:
    y = x * scale if bias is None else x * scale + bias
    return -y if negate else y


def onnx_scaled(x: Any, bias: Any = None, scale: float = 2.0, negate: bool = False) -> Any:
    y = op.Mul(x, scale)
    if bias is not None:
        y = op.Add(y, bias)
    return op.Neg(y) if negate else y


class Applied(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


class Model(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.inner = nn.ModuleList([Applied(function)])

    def forward(self, x: Tensor) -> Any:
        return self.inner[0](self.first(x))


def modules(proto: onnx.ModelProto) -> list[tuple[str, str, str]]:
    """Operator, module and torch's overload of every node."""
    rows = []
    for node in proto.graph.node:
        entries = {entry.key: entry.value for entry in node.metadata_props}
        assert "modelexport.provenance" not in entries
        rows.append((node.op_type, entries["modelexport.module"], entries["modelexport.op"]))
    return rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


CALLS = {
    "defaults": lambda x: torch.ops.modelexport_translated.scaled(x),
    "positional": lambda x: torch.ops.modelexport_translated.scaled(x, x + 1, 3.0),
    "by keyword": lambda x: torch.ops.modelexport_translated.scaled(x, scale=0.5, negate=True),
    "twice": lambda x: torch.ops.modelexport_translated.scaled(torch.ops.modelexport_translated.scaled(x), x),
}


@pytest.mark.parametrize("opset", [14, 20, 23])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_plain_function(call: Any, opset: int, path: Path) -> None:
    model, x = Model(call).eval(), torch.randn(3, 2)
    result = modelexport.export(
        model,
        x,
        path,
        opset_version=opset,
        dynamic_axes={"x": {0: "batch"}},
        custom_translation_table={torch.ops.modelexport_translated.scaled.default: onnx_scaled},
    )
    rows = modules(checked(path))
    assert ("Mul", "inner.0", f"{LIBRARY}.scaled.default") in rows
    assert ("Gemm", "first", "aten.linear.default") in rows
    assert result["tagged_operations"] == result["total_operations"] == len(rows)
    assert result["fallbacks"] == []
    for given in (x, torch.randn(5, 2)):
        assert_same(run(path, {"x": given}), model(given))


def test_lists_symbolic_sizes_and_several_results(path: Path) -> None:
    def onnx_halves(xs: Any, n: Any) -> Any:
        middle = op.Reshape(n, op.Constant(value_ints=[1]))
        total, start, end = op.Add(xs[0], xs[1]), op.Constant(value_ints=[0]), op.Constant(value_ints=[1000])
        return op.Slice(total, start, middle), op.Slice(total, middle, end)

    model = Model(lambda x: torch.ops.modelexport_translated.halves([x, x * 2], x.shape[0] // 2)).eval()
    x = torch.randn(4, 2)
    modelexport.export(
        model,
        x,
        path,
        dynamic_axes={"x": {0: "batch"}},
        custom_translation_table={torch.ops.modelexport_translated.halves.default: onnx_halves},
    )
    checked(path)
    for given in (x, torch.randn(6, 2)):
        assert_same(run(path, {"x": given}), model(given))


@onnxscript.script()
def script_clamped(x: FLOAT[...]) -> FLOAT[...]:
    if op.ReduceSum(x, keepdims=0) > 0.0:  # noqa: SIM108
        y = op.Clip(x, 0.0, 1.0)
    else:
        y = op.Neg(x)
    return y


def test_a_script_with_branches(path: Path) -> None:
    """What is decorated becomes nodes in place, bodies included; none is left without a tag."""
    model = Model(torch.ops.modelexport_translated.clamped).eval()
    table = {torch.ops.modelexport_translated.clamped.default: script_clamped}
    result = HierarchyExporter().export(model, torch.randn(2, 2), path, custom_translation_table=table)
    proto = checked(path)
    assert not proto.functions
    assert {module for _, module, _ in modules(proto)} == {"first", "inner.0"}
    (branching,) = [node for node in proto.graph.node if node.op_type == "If"]
    for attribute in branching.attribute:
        for node in attribute.g.node:
            assert {entry.key: entry.value for entry in node.metadata_props}["modelexport.module"] == "inner.0"
    assert result["tagged_operations"] == result["total_operations"]
    for _ in range(6):
        x = torch.randn(2, 2)
        assert_same(run(path, {"x": x}), model(x))


def test_the_table_wins_over_the_op_table(path: Path) -> None:
    def onnx_gelu(self: Any, approximate: str = "none") -> Any:
        return op.Sigmoid(op.Mul(self, 1.702))

    model, x = Model(nn.functional.gelu).eval(), torch.randn(2, 2)
    result = export_model(
        model, x, path, optimize=False, custom_translation_table={torch.ops.aten.gelu.default: onnx_gelu}
    )
    assert result["strategy"] == "htp_builtin"
    assert [name for name, module, _ in modules(checked(path)) if module == "inner.0"] == ["Mul", "Sigmoid"]
    assert_same(run(path, {"x": x}), torch.sigmoid(model.first(x) * 1.702))


def test_in_place_calls_are_translated_as_their_functional_twins(path: Path) -> None:
    def function(x: Tensor) -> Tensor:
        y = x + 1
        y[0].relu_()
        return y

    table = {torch.ops.aten.relu.default: lambda x: op.Max(x, 0.0)}
    model, x = Model(function).eval(), torch.randn(2, 2)
    modelexport.export(model, x, path, custom_translation_table=table)
    assert ("Max", "inner.0", "aten.relu.default") in modules(checked(path))
    assert_same(run(path, {"x": x}), model(x))


def test_inside_of_a_body(path: Path) -> None:
    def function(x: Tensor) -> Tensor:
        scaled = torch.ops.modelexport_translated.scaled
        return torch.cond(x.sum() > 0, lambda y: scaled(y), lambda y: scaled(y, y), (x,))  # type: ignore[no-any-return]

    table = {torch.ops.modelexport_translated.scaled.default: onnx_scaled}
    model = Model(function).eval()
    modelexport.export(model, torch.randn(2, 2), path, custom_translation_table=table)
    checked(path)
    for _ in range(6):
        x = torch.randn(2, 2)
        assert_same(run(path, {"x": x}), model(x))


def test_torchs_exporter_gets_the_table_too(path: Path) -> None:
    table = {torch.ops.modelexport_translated.scaled.default: onnx_scaled}
    model, x = Model(CALLS["positional"]).eval(), torch.randn(2, 2)
    HierarchyExporter(builtin_tracking=False).export(model, x, path, custom_translation_table=table)
    assert_same(run(path, {"x": x}), model(x))


def failing(x: Any, *_: Any, **__: Any) -> Any:
    raise KeyError("nothing there")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"aten.add": failing}, "has the key 'aten.add', no overload like"),
        ({torch.ops.aten.relu.default: 7}, "is 7, which cannot be called"),
        ([], "must be a dict"),
        (
            {torch.ops.aten.relu.default: failing},
            "aten.relu.default in inner.0: its translation failing fails: KeyError: 'n",
        ),
        ({torch.ops.aten.relu.default: lambda x: 1}, "returns 1, which is no value of the graph"),
        ({torch.ops.aten.relu.default: lambda x: (x, x)}, "gives 2 results, torch has 1"),
        (
            {torch.ops.aten.relu.default: lambda x: onnxscript.opset13.ReduceMax(x, axes=[0])},
            r"uses ReduceMax of opset 13, which opset 20 has in another form \(of opset 20\)",
        ),
        (
            {torch.ops.aten.relu.default: lambda x: onnxscript.opset23.RMSNormalization(x, x)},
            "which opset 20 does not have",
        ),
    ],
)
def test_what_is_wrong_is_said(table: Any, message: str, path: Path) -> None:
    with pytest.raises(modelexport.InvalidInputError, match=message):
        modelexport.export(Model(torch.relu), torch.randn(2, 2), path, custom_translation_table=table)
    assert not path.exists()
