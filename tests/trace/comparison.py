"""What two captures of one model must have in common."""

from __future__ import annotations

from typing import Any

import onnx


def described(model: onnx.ModelProto) -> dict[str, Any]:
    """The nodes in order with all that says where they come from, and the names of inputs, outputs and weights."""
    graph = model.graph
    return {
        "nodes": [
            (node.op_type, node.name, sorted((p.key, p.value) for p in node.metadata_props)) for node in graph.node
        ],
        "inputs": [value.name for value in graph.input],
        "outputs": [value.name for value in graph.output],
        "weights": sorted(tensor.name for tensor in graph.initializer),
    }
