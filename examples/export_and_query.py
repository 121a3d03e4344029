"""Export a model, and ask which nodes came from which module."""

from models import get_inputs, get_model

import modelexport
from modelexport.core import tag_utils

result = modelexport.export(get_model(), get_inputs(), "classifier.onnx")
print(f"{result['tagged_operations']} of {result['total_operations']} nodes tagged")

# How many nodes has each module?
for tag, nodes in tag_utils.get_tag_statistics("classifier.onnx").items():
    print(f"{nodes:4d}  {tag}")

# The matrix products of all attentions, by the modules' paths.
for node in tag_utils.query_operations_by_tag("classifier.onnx", "module:layers.*.attention.** op:MatMul"):
    print(node["name"], "from", node["module"])
