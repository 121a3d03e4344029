"""Quantize everything but the attention, and bring the tags over to the quantized file."""

from models import get_inputs, get_model
from onnxruntime.quantization import quantize_dynamic

import modelexport
from modelexport.cli import main as modelexport_command
from modelexport.core import tag_utils

modelexport.export(get_model(), get_inputs(), "classifier.onnx")

attention = tag_utils.query_operations_by_tag("classifier.onnx", "class:Attention")
quantize_dynamic("classifier.onnx", "quantized.onnx", nodes_to_exclude=[node["name"] for node in attention])

assert modelexport_command(["carry", "classifier.onnx", "quantized.onnx", "--in-place"]) == 0

integer = tag_utils.query_operations_by_tag("quantized.onnx", "op:MatMulInteger")
print("quantized:", sorted({node["module"] for node in integer}))
assert integer
assert not any("attention" in node["module"] for node in integer)
