"""What a continuous integration job can hold a model to: numbers, coverage, and the structure of last time."""

import numpy
import onnx
import onnxruntime
import torch
from models import get_inputs, get_model

import modelexport
from modelexport.core import tag_utils

model, inputs = get_model(), get_inputs()
modelexport.export(model, inputs, "baseline.onnx")  # last time: a file of the repository
result = modelexport.export(model, inputs, "candidate.onnx")

onnx.checker.check_model("candidate.onnx", full_check=True)
assert result["tagged_operations"] == result["total_operations"]
assert tag_utils.validate_tag_consistency("candidate.onnx")["consistent"]
assert not result["fallbacks"]

difference = tag_utils.compare_tag_distributions("baseline.onnx", "candidate.onnx")
print(difference)

(scores,) = onnxruntime.InferenceSession("candidate.onnx").run(None, {"ids": inputs["ids"].numpy()})
with torch.no_grad():
    numpy.testing.assert_allclose(scores, model(**inputs).numpy(), rtol=1e-4, atol=1e-5)
print("fine")
