"""What two captures of one model must have in common."""

from __future__ import annotations

from typing import Any

import onnx


def described(model: onnx.ModelProto) -> dict[str, Any]:
    """The nodes in order with all that says where they come from, names of inputs and outputs, the weights' types."""
    graph = model.graph
    return {
        "nodes": [
            (node.op_type, node.name, sorted((p.key, p.value) for p in node.metadata_props)) for node in graph.node
        ],
        "inputs": [value.name for value in graph.input],
        "outputs": [value.name for value in graph.output],
        "weights": sorted((tensor.data_type, list(tensor.dims)) for tensor in graph.initializer),
    }
