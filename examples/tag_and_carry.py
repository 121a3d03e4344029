"""Give modules to a file that torch.onnx.export wrote, and keep them through onnxruntime's optimiser."""

import onnxruntime
import torch
from models import get_inputs, get_model

from modelexport.cli import main as modelexport_command
from modelexport.core import tag_utils

model, inputs = get_model(), get_inputs()
torch.onnx.export(model, (), "theirs.onnx", kwargs=inputs, dynamo=True, verbose=False)
assert modelexport_command(["tag", "theirs.onnx", "-o", "tagged.onnx"]) == 0

options = onnxruntime.SessionOptions()
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
options.optimized_model_filepath = "optimised.onnx"
onnxruntime.InferenceSession("tagged.onnx", options)
assert modelexport_command(["carry", "tagged.onnx", "optimised.onnx", "--in-place"]) == 0

for node in tag_utils.query_operations_by_tag("optimised.onnx", "provenance:merged"):
    print(node["op_type"], "stands for", node["sources"])
