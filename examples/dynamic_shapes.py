"""Let the batch and the length vary."""

import numpy
import onnxruntime
from models import get_inputs, get_model

import modelexport

modelexport.export(
    get_model(),
    get_inputs(),
    "classifier.onnx",
    dynamic_axes={"ids": {0: "batch", 1: "length"}},
    output_names=["scores"],
)

session = onnxruntime.InferenceSession("classifier.onnx")
for batch, length in [(1, 1), (2, 8), (5, 30)]:
    ids = numpy.zeros((batch, length), dtype=numpy.int64)
    (scores,) = session.run(["scores"], {"ids": ids})
    print(ids.shape, "->", scores.shape)
    assert scores.shape == (batch, 3)
