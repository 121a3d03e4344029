"""Write a model without copying its weights: they stay in the safetensors file that they were loaded from."""

from pathlib import Path

from models import get_inputs, get_model
from safetensors.torch import load_file, save_file

import modelexport

save_file(get_model().state_dict(), "weights.safetensors")

model = get_model()
model.load_state_dict(load_file("weights.safetensors"), assign=True)  # mapped, not read
result = modelexport.export(model, get_inputs(), "classifier.onnx", weights="link")

print(f"{Path('classifier.onnx').stat().st_size} bytes written, {result['linked_bytes']} linked")
assert result["linked_bytes"] > 0
