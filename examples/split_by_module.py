"""Cut one module out of the file: its nodes, with what they read and what others read of them."""

import onnx
from models import get_inputs, get_model

import modelexport
from modelexport.core import tag_utils

modelexport.export(get_model(), get_inputs(), "classifier.onnx")

everything = tag_utils.load_tags_from_onnx("classifier.onnx")["node_tags"].values()
layer = tag_utils.query_operations_by_tag("classifier.onnx", "module:layers.1.**")

made = {name for node in layer for name in node["outputs"]}
weights = {tensor.name for tensor in onnx.load("classifier.onnx").graph.initializer}
inside = {tuple(node["outputs"]) for node in layer}
read_outside = {name for node in everything if tuple(node["outputs"]) not in inside for name in node["inputs"]}
inputs = {name for node in layer for name in node["inputs"] if name} - made - weights
outputs = made & read_outside
print("layers.1 reads", sorted(inputs), "and computes", sorted(outputs))

onnx.utils.extract_model("classifier.onnx", "layer1.onnx", sorted(inputs), sorted(outputs))
assert len(onnx.load("layer1.onnx").graph.node) == len(layer)
