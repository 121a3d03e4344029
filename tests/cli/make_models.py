"""The models of the command-line tests, made with the onnx package and by hand: nothing here is our own output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

LINEAR = "torch.nn.modules.linear.Linear"


def _tags(node: onnx.NodeProto, tag: str, module: str, aten: str = "", **more: str) -> onnx.NodeProto:
    entries = {"modelexport.tag": tag, "modelexport.module": module, "modelexport.op": aten}
    entries |= {f"modelexport.{key}": value for key, value in more.items()}
    for key, value in entries.items():
        if value or key == "modelexport.module":
            node.metadata_props.add(key=key, value=value)
    return node


def _model(nodes: list[onnx.NodeProto], weights: list[str]) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "main_graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 4])],
        [helper.make_tensor(name, TensorProto.FLOAT, [4, 4], [0.0] * 16) for name in weights],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def tagged_nodes() -> list[onnx.NodeProto]:
    """Net(layers: ModuleList of two Block(fc: Linear), shared: Linear called twice)."""
    make = helper.make_node
    linear = "aten.linear.default"
    return [
        _tags(
            make("MatMul", ["x", "layers.0.fc.weight"], ["a"], "/layers.0/fc/MatMul"),
            "/Net/Block.0/Linear",
            "layers.0.fc",
            linear,
        ),
        _tags(make("Relu", ["a"], ["b"], "/layers.0/Relu"), "/Net/Block.0", "layers.0", "aten.relu.default"),
        _tags(
            make("MatMul", ["b", "layers.1.fc.weight"], ["c"], "/layers.1/fc/MatMul"),
            "/Net/Block.1/Linear",
            "layers.1.fc",
            linear,
        ),
        _tags(
            make("Shape", ["c"], ["s"], "/layers.1/Shape"),
            "/Net/Block.1",
            "layers.1",
            "aten.view.default",
            role="auxiliary",
            provenance="inherited",
        ),
        _tags(make("Reshape", ["c", "s"], ["d"], "/layers.1/Reshape"), "/Net/Block.1", "layers.1", "aten.view.default"),
        _tags(make("MatMul", ["d", "shared.weight"], ["e"], "/shared/MatMul"), "/Net/Linear", "shared", linear),
        _tags(
            make("MatMul", ["e", "shared.weight"], ["f"], "/shared/MatMul_1"), "/Net/Linear", "shared", linear, call="1"
        ),
        _tags(
            make("Add", ["f", "b"], ["y"], "/Add"),
            "/Net",
            "",
            "aten.add.Tensor",
            provenance="merged",
            sources="['layers.0', 'shared@1']",
        ),
    ]


WEIGHTS = ["layers.0.fc.weight", "layers.1.fc.weight", "shared.weight"]


def digest(nodes: list[onnx.NodeProto]) -> str:
    """FNV-1a with 64 bits over each node's name and op type, each followed by a zero byte (docs/sidecar.md)."""
    state = 0xCBF29CE484222325
    for node in nodes:
        for byte in f"{node.name}\0{node.op_type}\0".encode():
            state = ((state ^ byte) * 0x100000001B3) % 2**64
    return f"{state:016x}"


def sidecar(nodes: list[onnx.NodeProto], model_path: str) -> dict[str, Any]:
    """A sidecar that says what the metadata of ``nodes`` says."""
    node_tags: dict[str, Any] = {}
    statistics: dict[str, int] = {}
    for node in nodes:
        metadata = {entry.key.removeprefix("modelexport."): entry.value for entry in node.metadata_props}
        statistics[metadata["tag"]] = statistics.get(metadata["tag"], 0) + 1
        node_tags[node.name] = {
            "op_type": node.op_type,
            "tags": [metadata["tag"]],
            "module": metadata["module"],
            "call": int(metadata.get("call", 0)),
            "provenance": metadata.get("provenance", "exact"),
            "role": metadata.get("role", "core"),
            "aten": metadata.get("op", ""),
            "inputs": list(node.input),
            "outputs": list(node.output),
        }
    return {
        "version": "1.0",
        "format": "modelexport-hierarchy",
        "model_path": model_path,
        "model": {"nodes": len(nodes), "digest": digest(nodes)},
        "generated_at": "2026-01-01T00:00:00Z",
        "exporter": {"name": "modelexport", "version": "0.1.0", "strategy": "htp_builtin"},
        "summary": {
            "total_operations": len(nodes),
            "tagged_operations": len(nodes),
            "unique_tags": len(statistics),
            "operation_trace_length": 7,
            "native_op_regions": 7,
            "builtin_tracking_enabled": True,
            "provenance": {"exact": 6, "merged": 1, "inherited": 1, "fallback": 0},
        },
        "tag_statistics": statistics,
        "node_tags": node_tags,
        "modules": {
            "": {
                "class": "Net",
                "qualified_class": "app.Net",
                "parameters": 0,
                "calls": 1,
                "children": ["layers", "shared"],
            },
            "layers": {
                "class": "ModuleList",
                "qualified_class": "torch.nn.modules.container.ModuleList",
                "parameters": 0,
                "calls": 0,
                "children": ["layers.0", "layers.1"],
            },
            "layers.0": {
                "class": "Block",
                "qualified_class": "app.Block",
                "parameters": 0,
                "calls": 1,
                "children": ["layers.0.fc"],
            },
            "layers.0.fc": {"class": "Linear", "qualified_class": LINEAR, "parameters": 16, "calls": 1, "children": []},
            "layers.1": {
                "class": "Block",
                "qualified_class": "app.Block",
                "parameters": 0,
                "calls": 1,
                "children": ["layers.1.fc"],
            },
            "layers.1.fc": {"class": "Linear", "qualified_class": LINEAR, "parameters": 16, "calls": 1, "children": []},
            "shared": {"class": "Linear", "qualified_class": LINEAR, "parameters": 16, "calls": 2, "children": []},
        },
    }


def make_models(folder: Path) -> None:
    """Write into ``folder``: net (tagged, with sidecar), bare (sidecar only), stale and old (sidecars that do not fit),
    twins (names and tags that need repair), scoped (as torch's TorchScript exporter names nodes), plain (nothing),
    fused (net after an optimiser), and files that are broken."""
    nodes = tagged_nodes()
    onnx.save(_model(nodes, WEIGHTS), folder / "net.onnx")
    content = sidecar(nodes, "net.onnx")
    (folder / "net_hierarchy.json").write_text(json.dumps(content))

    bare = [helper.make_node(n.op_type, n.input, n.output, n.name) for n in nodes]
    onnx.save(_model(bare, WEIGHTS), folder / "bare.onnx")
    (folder / "bare_hierarchy.json").write_text(json.dumps(content | {"model_path": "bare.onnx"}))

    onnx.save(_model(bare[:-1], WEIGHTS), folder / "stale.onnx")
    (folder / "stale_hierarchy.json").write_text(json.dumps(content | {"model_path": "stale.onnx"}))
    onnx.save(_model(bare, WEIGHTS), folder / "old.onnx")
    (folder / "old_hierarchy.json").write_text(json.dumps(content | {"version": "9.0"}))

    changed = json.loads(json.dumps(content))
    changed["node_tags"]["/layers.0/Relu"]["tags"] = ["/Net/Block.7"]
    changed["node_tags"]["/gone"] = changed["node_tags"].pop("/Add")
    (folder / "changed_hierarchy.json").write_text(json.dumps(changed))

    scoped = [helper.make_node(n.op_type, n.input, n.output, n.name) for n in nodes if n.name != "/layers.1/Shape"]
    scoped[3] = helper.make_node("Relu", ["c"], ["d"], "/layers.1/Relu")
    scoped[5].name = "/shared_1/MatMul"
    onnx.save(_model(scoped, WEIGHTS), folder / "scoped.onnx")
    (folder / "modules.json").write_text(
        json.dumps({path: module["qualified_class"] for path, module in content["modules"].items()})
    )

    # Two nodes of one name, and one without a tag.
    twins = tagged_nodes()
    twins[2].name = twins[0].name
    del twins[1].metadata_props[:]
    onnx.save(_model(twins, WEIGHTS), folder / "twins.onnx")
    (folder / "twins_hierarchy.json").write_text(json.dumps(content | {"model_path": "twins.onnx"}))

    # A fused operator, a Reshape that did nothing, and a new node that others have not.
    fused = [
        helper.make_node("FusedMatMulRelu", ["x", "layers.0.fc.weight"], ["b"], "fused_0", domain="com.example"),
        helper.make_node("MatMul", ["b", "layers.1.fc.weight"], ["d"], "/layers.1/fc/MatMul"),
        helper.make_node("Cast", ["d"], ["d_cast"], "inserted", to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["d_cast", "shared.weight"], ["e_new"], "/shared/MatMul"),
        helper.make_node("MatMul", ["e_new", "shared.weight"], ["f_new"], "renamed"),
        helper.make_node("Add", ["f_new", "b"], ["y"], "/Add"),
    ]
    onnx.save(_model(fused, WEIGHTS), folder / "fused.onnx")

    plain = [helper.make_node("Relu", ["x"], ["h"]), helper.make_node("Tanh", ["h"], ["y"])]
    onnx.save(_model(plain, []), folder / "plain.onnx")
    (folder / "cut.onnx").write_bytes((folder / "net.onnx").read_bytes()[:200])
    (folder / "text.onnx").write_text("This is no ONNX file.")
    (folder / "text_hierarchy.json").write_text("{")
