"""Keep an operator of your own as a node of your own domain, for a runtime that has a kernel for it."""

import onnx
import torch
from torch import nn

import modelexport


@torch.library.custom_op("mylib::smooth", mutates_args=())
def smooth(x: torch.Tensor, strength: float) -> torch.Tensor:
    return x * strength


@smooth.register_fake
def _(x: torch.Tensor, strength: float) -> torch.Tensor:
    return torch.empty_like(x)


class Smoothing(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return smooth(x, 0.5) + 1


x = torch.randn(2, 3)
try:
    modelexport.export(Smoothing(), x, "refused.onnx", fallback=False)
except modelexport.UnsupportedOperatorError as error:
    print("refused:", error)

modelexport.export(Smoothing(), x, "smoothing.onnx", custom_ops="keep")
node = onnx.load("smoothing.onnx").graph.node[0]
print("kept:", node.domain, node.op_type)
assert node.op_type == "smooth"
