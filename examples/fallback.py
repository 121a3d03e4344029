"""See what fell back to another way of exporting, and forbid it."""

import torch
from torch import nn

import modelexport


class Scored(nn.Module):
    """Ends in an operator that not every exporter has."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.loss = nn.MultiMarginLoss()

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.loss(self.linear(x), target)


inputs = (torch.randn(2, 4), torch.tensor([0, 3]))
try:
    modelexport.export(Scored(), inputs, "model.onnx", fallback=False)
    print("every operator has an ONNX form")
except modelexport.UnsupportedOperatorError as error:
    print("without a fallback:", error)

result = modelexport.export(Scored(), inputs, "model.onnx")
for fallback in result["fallbacks"]:
    print(f"{fallback['operator']} in {fallback['module']}: by {fallback['by']}")
