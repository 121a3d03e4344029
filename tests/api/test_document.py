"""The API reference is a test: its blocks are run as they are written, in order, in one namespace
(so in one process: `pytest --dist loadfile`).

Supplied are what the text takes for granted: a model with its inputs, a list of models, and imports that a block
leaves out. Blocks that are a signature or a table of types are compared with what is there.
"""

from __future__ import annotations

import ast
import inspect
import os
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Dict, Tuple, Union  # noqa: UP035 (the document's own spelling)

import pytest
import torch
from torch import Tensor, nn

from modelexport.strategies.htp.htp_hierarchy_exporter import HierarchyExporter
from modelexport.strategies.usage_based import UsageBasedExporter
from tests.api.document import Block, blocks
from tests.api.running import assert_same, checked, run

PYTHON = blocks("python")


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        heads = self.query(x).reshape(x.shape[0], -1, 2, x.shape[2] // 2).transpose(1, 2)
        keys = self.key(x).reshape(x.shape[0], -1, 2, x.shape[2] // 2).transpose(1, 2)
        weights = torch.softmax(heads @ keys.transpose(-1, -2), dim=-1)
        return (weights @ heads).transpose(1, 2).reshape(x.shape) + x


class Pictures(nn.Module):
    """One input, one output, attention; dynamic sizes make it compute shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 16, 16)
        self.layers = nn.ModuleList(Attention(8) for _ in range(2))
        self.head = nn.Linear(8, 4)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.patches(pixels).flatten(2).transpose(1, 2)
        for layer in self.layers:
            x = layer(x)
        return self.head(x.mean(1))


def is_signature(block: Block) -> bool:
    """A ``class`` or ``def`` without a body, which is no Python yet."""
    return "def " in block.text and block.text.rstrip().splitlines()[-1].startswith((")", "    )"))


def is_type_table(block: Block) -> bool:
    return block.text.startswith("{")


RUNNABLE = [block for block in PYTHON if not is_signature(block) and not is_type_table(block)]


@pytest.fixture(scope="module")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What all blocks share; they run in a folder of their own."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("document")
    model, inputs = Pictures().eval(), torch.randn(1, 3, 224, 224)
    before = Path.cwd()
    os.chdir(folder)
    yield {
        "torch": torch,
        "os": os,
        "shutil": shutil,
        "UsageBasedExporter": UsageBasedExporter,
        "model": model,
        "my_model": model,
        "inputs": inputs,
        "output_path": "model.onnx",
    }
    os.chdir(before)


@pytest.mark.parametrize("block", RUNNABLE, ids=str)
def test_block_runs(block: Block, namespace: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    code = compile("\n" * (block.line - 1) + block.text, "enhanced-htp-api.md", "exec")
    exec(code, namespace)
    # A block defines functions for the reader to call, so they are called.
    for name in [node.name for node in ast.parse(block.text).body if isinstance(node, ast.FunctionDef)]:
        call_example(name, namespace)
    assert "❌" not in capsys.readouterr().out


def call_example(name: str, namespace: dict[str, Any]) -> None:
    model, inputs, function = namespace["model"], namespace["inputs"], namespace[name]
    if name == "batch_export_models":
        configs = [{"model": model, "inputs": inputs, "output_path": f"batch_{i}.onnx"} for i in range(4)]
        results = function(configs)
        assert [result["output_path"] for result in results] == [config["output_path"] for config in configs]
    elif name == "create_compatibility_wrapper":
        result = function().export(model, inputs, "example.onnx")
        assert set(result) == {"onnx_path", "strategy", "total_operations", "tagged_operations"}
    else:
        result = function(model, inputs, "example.onnx")
        assert result["strategy"] == "htp_builtin"
        assert (
            result["tagged_operations"] == result["total_operations"] == len(checked(Path("example.onnx")).graph.node)
        )
        assert_same(run(Path("example.onnx"), {"pixels": inputs}), model(inputs))


def test_every_python_block_is_tested() -> None:
    assert len(PYTHON) == len(RUNNABLE) + 4
    assert {block.title for block in PYTHON if is_signature(block)} == {"Constructor", "export()"}


def test_the_recovery_example_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Branching(nn.Module):
        """Refuses torch.export; tracing can capture it."""

        def forward(self, x: Tensor) -> Tensor:
            if torch.compiler.is_exporting():
                raise RuntimeError("not to be exported")
            return x * 2

    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {"HierarchyExporter": HierarchyExporter}
    exec(next(block.text for block in RUNNABLE if block.title == "Graceful Error Recovery"), scope)
    x = torch.randn(3)
    result = scope["robust_export"](Branching(), x, "model.onnx")
    assert result["strategy"] == "usage_based"
    assert_same(run(Path("model.onnx"), {"x": x}), x * 2)


# ---- signatures and tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [b for b in PYTHON if is_signature(b)], ids=str)
def test_signature(block: Block) -> None:
    """Names, order, kinds and defaults of the parameters; annotations where they mean the same."""
    text = block.text.rstrip() + ":\n"
    names = {"torch": torch, "Union": Union, "Tuple": Tuple, "Dict": Dict, "Any": Any}  # noqa: UP006
    exec(text + textwrap.indent("...", " " * 8), names)
    documented = names["HierarchyExporter"].__init__ if "class" in text else names["export"]
    actual = getattr(HierarchyExporter, documented.__name__)

    def shape(function: Any) -> list[tuple[str, Any, Any]]:
        return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]

    assert shape(actual) == shape(documented)


def type_table(title: str) -> dict[str, Any]:
    text = next(block.text for block in PYTHON if is_type_table(block) and block.title == title)
    return eval(text, {"Dict": Dict})  # type: ignore[no-any-return]  # noqa: UP006


def assert_has(result: dict[str, Any], table: dict[str, Any]) -> None:
    for key, kind in table.items():
        if isinstance(kind, dict):
            assert_has(result[key], kind)
        elif isinstance(kind, type):
            assert type(result[key]) is kind, key
        else:
            assert all(isinstance(k, str) and type(v) is int for k, v in result[key].items()), key


@pytest.mark.parametrize(
    "exporter",
    [
        HierarchyExporter(strategy="htp", enable_performance_monitoring=True),
        HierarchyExporter(strategy="htp", builtin_tracking=False, enable_performance_monitoring=True),
        UsageBasedExporter(enable_performance_monitoring=True),
    ],
    ids=["htp", "htp-projected", "usage_based"],
)
def test_result_has_the_documented_types(exporter: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    x = torch.randn(2, 3, 32, 32)
    result = exporter.export(Pictures(), x, str(path), dynamic_axes={"pixels": {0: "batch"}})
    assert_has(result, type_table("Core Fields"))
    assert_has(result, type_table("Enhanced Metrics"))
    nodes = checked(path).graph.node
    assert result["total_operations"] == result["tagged_operations"] == len(nodes)
    assert len(nodes) == sum(any(p.key == "modelexport.tag" for p in node.metadata_props) for node in nodes)
    analysis = result["auxiliary_operations_analysis"]
    assert sum(analysis["operation_types"].values()) == analysis["total_auxiliary_ops"]
