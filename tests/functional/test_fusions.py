"""onnxruntime recognises the forms that are written, and runs its fused operators for them."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch

import modelexport
from tests.models.parity import assert_parity


class RmsNorm(torch.nn.Module):
    """A root mean square normalisation over the last axis, as models spell it out."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        variance = x.pow(2).mean(-1, keepdim=True)
        return self.weight * (x * torch.rsqrt(variance + 1e-6))


class TanhGelu(torch.nn.Module):
    """The approximation of GELU with tanh, as models spell it out."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0.5 * x * (1.0 + torch.tanh(0.7978845608028654 * (x + 0.044715 * torch.pow(x, 3.0))))


def optimised_operators(path: Path) -> set[str]:
    """The operators that onnxruntime runs at its default optimisation level."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(path.with_suffix(".optimised.onnx"))
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return {node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node}


@pytest.mark.parametrize(
    ("activation", "fused"), [(RmsNorm(16), "SimplifiedLayerNormalization"), (TanhGelu(), "FastGelu")], ids=str
)
def test_is_fused(activation: torch.nn.Module, fused: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), activation, torch.nn.Linear(16, 4)).eval()
    path = tmp_path / "model.onnx"
    x = torch.randn(3, 5, 8)
    modelexport.export(model, x, str(path), optimize=True, fallback=False)
    assert_parity(model, path, (x,), {})
    assert fused in optimised_operators(path)


class MaskedAttention(torch.nn.Module):
    """Attention under a mask that is known when it is captured."""

    def __init__(self, mask: torch.Tensor) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=self.mask.clone())


@pytest.mark.parametrize("shape", [(5, 7), (1, 1, 5, 7), (2, 1, 5, 7)], ids=str)
@pytest.mark.parametrize("opset", [20, 23])
@pytest.mark.parametrize("masks", [False, True])
def test_a_mask_that_masks_nothing_is_not_written(
    shape: tuple[int, ...], opset: int, masks: bool, tmp_path: Path
) -> None:
    mask = torch.ones(shape, dtype=torch.bool)
    mask[..., -1] = not masks
    model = MaskedAttention(mask)
    tensors = (torch.randn(2, 3, 5, 8), torch.randn(2, 3, 7, 8), torch.randn(2, 3, 7, 8))
    path = tmp_path / "model.onnx"
    modelexport.export(model, tensors, str(path), opset_version=opset, fallback=False)
    assert_parity(model, path, tensors, {})
    nodes = onnx.load(str(path)).graph.node
    written = any(node.op_type == "Add" or (node.op_type == "Attention" and len(node.input) > 3) for node in nodes)
    assert written == masks
